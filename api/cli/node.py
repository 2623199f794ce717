"""``landbridge node``: how the chain and the gateway are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.run import Run, command

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@command(app, "status")
def status(
    run: Run,
    rpc: Annotated[str | None, typer.Option("--rpc", metavar="URL")] = None,
    chain_id: Annotated[int | None, typer.Option("--chain-id", metavar="ID")] = None,
    deployment: Annotated[Path | None, typer.Option("--deployment", metavar="FILE")] = None,
) -> int:
    """Show the chain, its head, the contracts and the gateway's parts; exit 0 only if all is well."""
    document = _of_gateway(run) if rpc is None else _of_node(rpc, chain_id, deployment)
    run.result(document, lambda console: _render(run, console, document))
    return ExitCode.OK if document["well"] else ExitCode.NEGATIVE


def _of_gateway(run: Run) -> dict[str, Any]:
    about, ready = run.gateway.registry(), run.gateway.ready()
    # The contracts are asked for through the gateway's own JSON-RPC and compared here.
    chain = _ask(run.gateway_url.rstrip("/") + "/rpc", about["chain_id"])
    addresses = {"Parties": about["parties"], "RailBills": about["bills"]}
    contracts = _contracts(run.gateway_url.rstrip("/") + "/rpc", about["chain_id"], addresses)
    return {
        "well": not ready["degraded"] and contracts == "ok",
        "gateway": run.gateway_url,
        "embedded": about["embedded"],
        **chain,
        "contracts": contracts,
        "addresses": addresses,
        "parts": ready["parts"],
    }


def _of_node(rpc: str, chain_id: int | None, record: Path | None) -> dict[str, Any]:
    found = _ask(rpc, chain_id)
    document = {"well": True, "node": rpc, **found, "contracts": "unknown"}
    if record is not None:
        from chain.deploy import load_deployment

        made = load_deployment(record)
        if made is None:
            raise CliError("file-missing", ExitCode.LOCAL, file=str(record))
        document["contracts"] = _contracts(rpc, found["chain_id"], dict(made.contracts))
        document["addresses"] = dict(made.contracts)
        document["well"] = document["contracts"] == "ok"
    return document


def _ask(rpc: str, chain_id: int | None) -> dict[str, Any]:
    from chain.client import Chain
    from chain.node import HttpNode

    if not rpc.startswith(("http://", "https://")):
        raise CliError("node-address", ExitCode.USAGE, address=rpc[:200])
    node = HttpNode(rpc, expected_chain_id=chain_id)
    try:
        chain = Chain(node)
        head = chain.block("latest")
        return {
            "chain_id": chain.chain_id(),
            "head": head.number if head else None,
            "head_hash": head.hash if head else None,
            "head_time": head.timestamp if head else None,
            "gas_price": chain.gas_price(),
        }
    finally:
        node.close()


def _contracts(rpc: str, chain_id: int, addresses: dict[str, str]) -> str:
    """``ok``, or the code of what is wrong with the contracts."""
    from api.registry import ROOMS
    from chain.client import Chain
    from chain.deploy import Deployment, OtherContractError, Step, verify_deployment
    from chain.intents import Address
    from chain.node import HttpNode

    node = HttpNode(rpc, expected_chain_id=chain_id)
    try:
        chain = Chain(node)
        first = chain.block(0)
        contracts = {name: Address(address) for name, address in addresses.items()}
        found = Deployment(chain_id, first.hash if first else "", contracts, 0)
        plan = [Step(room.contract, links=room.links) for room in ROOMS]
        verify_deployment(chain, found, plan)
        return "ok"
    except OtherContractError as error:
        return error.code
    finally:
        node.close()


def _render(run: Run, console: Any, document: dict[str, Any]) -> None:
    rows: list[tuple[str, object]] = [
        (run.text("address"), document.get("gateway") or document.get("node")),
        (run.text("chain-id"), document["chain_id"]),
        (run.text("head"), f"{document['head']}  {show.moment(document['head_time'])}"),
        (run.text("gas-price"), document["gas_price"]),
        (run.text("contracts"), document["contracts"]),
        *((f"  {name}", address) for name, address in document.get("addresses", {}).items()),
        *((part["part"], "ok" if part["ok"] else part["code"]) for part in document.get("parts", ())),
    ]
    show.pairs(console, rows)
    if document.get("embedded"):
        console.print(run.text("embedded-warning"))
