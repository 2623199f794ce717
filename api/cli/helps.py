"""What ``--help`` says, in English and in Chinese: one line a command, one line an option.

Options are looked up as ``COMMAND: OPTION``, then by the option's name alone. A test walks the whole tree and
holds that nothing in it is without its texts.

>>> COMMANDS["bill check"][0]
"Check a bill's document for sense; needs no gateway"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

from api.cli import helps_signing

__all__ = ["COMMANDS", "OPTIONS", "PANELS", "translate", "walk"]

PANELS: Final = {
    "ARGUMENTS_PANEL_TITLE": ("Arguments", "参数"),
    "OPTIONS_PANEL_TITLE": ("Options", "选项"),
    "COMMANDS_PANEL_TITLE": ("Commands", "命令"),
    "REQUIRED_LONG_STRING": ("[required]", "[必填]"),
    "DEFAULT_STRING": ("[default: {}]", "[默认：{}]"),
    "ENVVAR_STRING": ("[env var: {}]", "[环境变量：{}]"),
}
"""What typer itself writes around help."""

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "": (
        "Landbridge: railway bills of lading on a verifiable record",
        "Landbridge：可核验的铁路提单登记",
    ),
    "serve": ("Run the gateway", "运行网关"),
    "demo": ("Play a story on a gateway of its own", "在自带网关上演示"),
    "demo bills": ("Play the story of a railway bill, over HTTP", "通过 HTTP 演示一份铁路提单的全过程"),
    "node": ("The chain and its node", "链与节点"),
    "node status": (
        "Show chain, head, contracts and the gateway's parts; exit 0 only if all is well",
        "显示链、链头、合约与网关各部分；全部正常才返回 0",
    ),
    "node scrub": (
        "Show what the scrubber found among all that is stored; exit 0 only if nothing is wrong",
        "显示存储巡检的结果；未发现问题才返回 0",
    ),
    "token": ("API tokens", "接口令牌"),
    "token create": (
        "Make a token; with --operator in the gateway's own database",
        "创建令牌；--operator 直接写入网关数据库",
    ),
    "token list": ("List the tokens of the caller's party", "列出本方的令牌"),
    "token revoke": ("Revoke a token by its id", "按编号撤销令牌"),
    "party": ("Parties, their roles and keys", "参与方及其角色与密钥"),
    "party keygen": (
        "Make a signing key and a reader key that the party keeps itself",
        "生成由参与方自行保管的签名密钥与阅读密钥",
    ),
    "party admit": (
        "Admit a party, with a key made and kept here or with its own",
        "接纳参与方，密钥由网关托管或由其自持",
    ),
    "party list": ("List all parties", "列出全部参与方"),
    "party show": ("Show a party with its keys and roles", "显示参与方及其密钥与角色"),
    "party role": ("Roles and their time", "角色及其期间"),
    "party role grant": ("Give a party a role", "授予角色"),
    "party role end": ("End a party's role now", "立即终止角色"),
    "party suspend": ("Stop a party's new issues, and nothing else", "暂停参与方的新签发，其他不受影响"),
    "party reinstate": ("End a suspension", "解除暂停"),
    "party key": ("A party's keys, changed by the party alone", "参与方的密钥，仅由其自身变更"),
    "party key add": ("Add a key that the party keeps itself", "增加一把自持密钥"),
    "party key rotate": ("Replace the key that signs this by a new one", "用新密钥替换签署本行为的密钥"),
    "party key revoke": ("End a key for ever", "永久终止一把密钥"),
    "intent": ("Acts as files: prepared, signed, handed in", "以文件形式准备、签署、提交行为"),
    "intent prepare": ("Prepare an act to be signed", "准备待签署的行为"),
    "intent sign": (
        "Sign an act offline with --key, or have the entrusted key cosign",
        "用 --key 离线签署，或由托管密钥会签",
    ),
    "intent submit": (
        "Hand a signed act to a gateway, or with --rpc straight to the chain",
        "将已签署的行为提交网关，或用 --rpc 直接发送到链上",
    ),
    "intent show": ("Show where an act stands", "查询行为的进度"),
    "bill": ("Railway bills of lading", "铁路提单"),
    "bill check": ("Check a bill's document for sense; needs no gateway", "检查提单单证；无需网关"),
    "bill issue": ("Issue a bill from its document", "依据单证签发提单"),
    "bill show": ("Show a bill as it stands", "显示提单当前状态"),
    "bill list": ("List the bills that you may see", "列出可见的提单"),
    "bill history": ("Show every act on a bill", "显示提单的全部行为"),
    "bill file": ("Fetch a bill as a file that anyone can verify", "取得可供任何人核验的提单文件"),
    "bill transfer": ("Transfer a bill, or offer it", "转让提单，或发出转让要约"),
    "bill accept-offer": ("Accept an offered bill", "接受转让要约"),
    "bill decline-offer": ("Decline an offered bill", "拒绝转让要约"),
    "bill withdraw-offer": ("Withdraw an offer", "撤回转让要约"),
    "bill surrender": ("Surrender a bill to its carrier for delivery", "向承运人提示提单请求提货"),
    "bill withdraw-surrender": ("Withdraw a surrender not yet answered", "撤回尚未答复的提示"),
    "bill answer": ("Answer a surrender: accept, or refuse with a reason", "答复提示：接受，或附理由拒绝"),
    "bill deliver": ("Deliver, with evidence", "交付货物并登记证据"),
    "bill void": ("Void a bill: the holder signs, the issuer cosigns", "作废提单：持有人签署，签发人会签"),
    "bill bundle": (
        "Fetch a bill's proof bundle, which anyone can verify without a gateway",
        "取得提单的证明文件，任何人无需网关即可核验",
    ),
    "bill paper": (
        "Fetch a bill as a PDF that carries its proof; from a proof bundle or a PDF it is drawn here",
        "取得自带证明的提单 PDF；由证明文件或 PDF 则在本机生成",
    ),
    "log": ("The log of everything that was said", "全部记录的日志"),
    "log audit": (
        "Compare the whole log with the chain: every head, every leaf, every act; exit 0 only if all agree",
        "将整个日志与链比对：每个日志头、每个叶节点、每一行为；全部一致才返回 0",
    ),
    "webhook": ("Events sent to your own system", "向贵方系统发送的事件通知"),
    "webhook create": (
        "Make a webhook: events that you may see are sent to its address",
        "创建通知订阅：可见的事件将发送至其地址",
    ),
    "webhook list": ("List your webhooks", "列出通知订阅"),
    "webhook change": ("Change a webhook, pause it or resume it", "更改、暂停或恢复通知订阅"),
    "webhook rotate": (
        "Give a webhook a new secret; the old one signs beside it for a while",
        "轮换密钥；旧密钥在一段时间内同时签名",
    ),
    "webhook delete": ("Delete a webhook; what waits is dropped", "删除通知订阅；待投递的事件一并丢弃"),
    "webhook ping": ("Send a test event", "发送测试事件"),
    "webhook deliveries": ("List a webhook's deliveries, the newest first", "列出投递记录，新的在前"),
    "webhook replay": (
        "Send one delivery again, or with --since every event since a time",
        "重新发送一次投递，或用 --since 重发某时刻以来的全部事件",
    ),
    "webhook listen": (
        "Receive events on this machine, check their signatures and show them",
        "在本机接收事件，核验签名并显示",
    ),
    "verify": (
        "Verify a proof bundle against a trust root, with a node or without; exit 0 only if it passes",
        "依据信任根核验证明文件，可联节点亦可离线；结论为 pass 才返回 0",
    ),
    "bill verify": (
        "Verify a bill file or a bill; exit 0 only if the verdict is pass",
        "核验提单文件或提单；结论为 pass 才返回 0",
    ),
    **helps_signing.COMMANDS,
}


OPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    # everywhere
    "help": ("show this and exit", "显示帮助"),
    "version": ("show the version and exit", "显示版本"),
    "json": ("print one JSON document and nothing else", "只输出一个 JSON 文档"),
    "lang": ("language; else LANDBRIDGE_LANG or the locale", "语言；未给出时按 LANDBRIDGE_LANG 或系统区域"),
    "gateway": (
        "the gateway's address; else LANDBRIDGE_GATEWAY or http://127.0.0.1:8600",
        "网关地址；未给出时为 LANDBRIDGE_GATEWAY 或 http://127.0.0.1:8600",
    ),
    "token-file": (
        "file of the API token, or FILE#NAME; else LANDBRIDGE_TOKEN_FILE or LANDBRIDGE_TOKEN",
        "令牌文件，或 FILE#NAME；未给出时为 LANDBRIDGE_TOKEN_FILE 或 LANDBRIDGE_TOKEN",
    ),
    # shared
    "bill": ("the bill's id", "提单编号"),
    "party": ("the party's number", "参与方编号"),
    "key": (
        "the party's own key: a keystore v3 or signing service's file, or pkcs11:...; else the entrusted one",
        "自有密钥：keystore v3、pkcs11:... 或签名服务描述文件；未给出时由网关托管的密钥签署",
    ),
    "password-file": (
        "file whose first line is the key's password; else LANDBRIDGE_KEY_PASSWORD_FILE, or it is asked for",
        "首行为密钥口令的文件；未给出时为 LANDBRIDGE_KEY_PASSWORD_FILE，或提示输入",
    ),
    "reader-key": ("open here with this reader key", "用此阅读密钥在本地打开"),
    "no-wait": ("do not wait until the act is mined", "不等待打包"),
    "out": ("write to this new file", "写入此新文件"),
    "reason": ("the reason; a salted digest goes on the chain", "理由；链上只记录加盐摘要"),
    "deadline": (
        "last second in which the act may execute; an hour from now",
        "行为可执行的最后时刻；默认一小时后",
    ),
    # serve, demo
    "host": ("address to listen on", "监听地址"),
    "port": ("port to listen on; 0 takes a free one", "监听端口；0 表示任选空闲端口"),
    "node": ("the chain: embedded, or a node's JSON-RPC address", "链：embedded，或节点的 JSON-RPC 地址"),
    "data-dir": ("the gateway's data folder", "网关的数据目录"),
    "chain-id": ("the chain's id (EIP-155)", "链号（EIP-155）"),
    "database-url": ("sqlite:///… or postgresql://…", "sqlite:///… 或 postgresql://…"),
    "blobs-url": ("where sealed documents lie: a folder or s3://…", "密封单证的存放处：目录或 s3://…"),
    "confirmations": ("blocks after which an act counts as done", "行为视为完成所需的区块数"),
    "environment": ("in production every secret must be given", "production 环境须给出全部密钥"),
    "log-level": ("debug, info, warning or error", "debug、info、warning 或 error"),
    "demo bills: serve": ("keep serving after the story", "演示后继续提供服务"),
    "demo bills: once": ("stop after the story, whatever else is said", "演示后停止"),
    # node
    "node status: rpc": ("ask this node itself, not the gateway", "直接询问此节点，不经网关"),
    "node status: deployment": (
        "a deployment's record, to check the contracts",
        "部署记录文件，用于核对合约",
    ),
    "now": ("begin a pass now; one under way begins again", "立即开始巡检；进行中的重新开始"),
    "node scrub: wait": ("wait until the pass has ended", "等待本次巡检结束"),
    "cleared": ("show findings too that were cleared", "同时显示已消除的发现"),
    # token
    "token create: party": (
        "the party, where the operator makes its first token",
        "参与方（运营方为其创建首个令牌时）",
    ),
    "scope": (
        "a scope: read, write, sign, tokens, approve, webhooks; may be repeated",
        "权限：read、write、sign、tokens、approve、webhooks，可重复",
    ),
    "label": ("what the token is for", "令牌用途"),
    "days": ("days until it expires", "有效天数"),
    "operator": (
        "make the operator's own token, with access to the database",
        "直接在数据库中创建运营方令牌",
    ),
    "token": ("the token's id", "令牌编号"),
    # party
    "name": ("the name in English", "英文名称"),
    "name-zh": ("the name in Chinese", "中文名称"),
    "country": ("country, ISO 3166-1 alpha-2", "国家代码（ISO 3166-1 两位字母）"),
    "role": ("a role to begin with; may be repeated", "初始角色，可重复"),
    "own-key": (
        "the party's own signing key; its reader key lies beside it",
        "自有签名密钥；阅读密钥与其同目录",
    ),
    "party keygen: out": (
        "the signing key's file; the reader key goes beside it",
        "签名密钥文件；阅读密钥存于同目录",
    ),
    "party role grant: name": (
        "the role: carrier, forwarder, bank, importer, exporter, …",
        "角色：carrier、forwarder、bank、importer、exporter 等",
    ),
    "party role end: name": ("the role", "角色"),
    "from": (
        "when it begins: Unix seconds or a span such as 7d; now",
        "起始：Unix 秒数或 7d 这样的时长；默认现在",
    ),
    "until": ("when it ends; open", "终止；默认无期限"),
    "new-key": ("the new key", "新密钥"),
    "new-password-file": ("file with the new key's password", "新密钥的口令文件"),
    "account": ("the key's account, 0x…", "密钥的账户，0x…"),
    # intent
    "room": ("the room: bills or parties", "业务：bills 或 parties"),
    "act": ("the act, such as Transfer", "行为名称，例如 Transfer"),
    "subject": ("the bill's id, or the party's number", "提单编号或参与方编号"),
    "field": ("a field of the act as NAME=VALUE; may be repeated", "行为字段 NAME=VALUE，可重复"),
    "file": ("the file", "文件"),
    "intent submit: rpc": (
        "a node's JSON-RPC address, or embedded:FILE while no gateway has it open",
        "节点的 JSON-RPC 地址，或未被网关占用的 embedded:FILE",
    ),
    "sender-key": ("who pays for gas; not needed where it is free", "支付 gas 的账户；免费链无需"),
    "digest": ("the act's id", "行为编号"),
    "wait": ("seconds to wait for it to be mined", "等待打包的秒数"),
    # bill
    "bill check: file": ("the document, or - for standard input", "单证文件，- 表示标准输入"),
    "bill issue: file": ("the document, or - for standard input", "单证文件，- 表示标准输入"),
    "holder": ("the holder's number, as the document names it", "持有人编号，须与单证一致"),
    "reader": (
        "a further party that may read the document; may be repeated",
        "其他可阅读单证的参与方，可重复",
    ),
    "state": ("only bills in this state", "仅列出此状态的提单"),
    "to": ("the party that takes it", "受让参与方"),
    "offer": ("leave it to the taker to accept", "发出要约，待受让人接受"),
    "expiry": (
        "until when it can be accepted: Unix seconds or 90m, 48h, 7d; 72h",
        "要约截止：Unix 秒数或 90m、48h、7d；默认 72h",
    ),
    "accept": ("accept the surrender", "接受提示"),
    "refuse": ("refuse it, with --reason", "拒绝提示，须附 --reason"),
    "evidence": ("the delivery record; a salted digest goes on the chain", "交付记录；链上只记录加盐摘要"),
    "bill answer: out": ("write the reason's opening to this new file", "将理由的披露内容写入此新文件"),
    "bill deliver: out": ("write the evidence's opening to this new file", "将证据的披露内容写入此新文件"),
    "bill void: act": ("the voiding that was prepared", "已准备的作废行为文件"),
    "cosignature": ("the issuer's signature, hex", "签发人的会签，十六进制"),
    "what": ("a bill file, or a bill that you may read here", "提单文件，或可阅读的提单编号"),
    "policy": ("JSON file with the names of the checks that must pass", "列出必需核查项的 JSON 文件"),
    "expect-holder": ("the party that must control the bill", "应控制提单的参与方"),
    "expect-issuer": ("the party that must have issued it", "应为签发人的参与方"),
    "bill verify: confirmations": ("blocks that must lie on the last act", "最近行为之上须有的区块数"),
    "webhook": ("the webhook's id", "通知订阅编号"),
    "url": ("where events are sent: https://…", "接收地址：https://…"),
    "type": (
        "a type of event, or a beginning such as landbridge.bills.*; may be repeated; all",
        "事件类型，或 landbridge.bills.* 这样的前缀，可重复；默认全部",
    ),
    "description": ("what it is for", "用途"),
    "pause": ("send nothing until it is resumed; events are kept", "暂停发送，事件保留"),
    "resume": ("send again what was kept", "恢复发送保留的事件"),
    "overlap": (
        "seconds in which both secrets sign; 0 if the old one leaked",
        "新旧密钥同时签名的秒数；旧密钥泄露时为 0",
    ),
    "webhook deliveries: status": ("only those that stand so", "仅列出此状态的投递"),
    "limit": ("how many at most", "最多条数"),
    "delivery": ("the delivery's number", "投递编号"),
    "since": (
        "events from then on: Unix seconds, or a span back from now such as 90m, 48h or 7d",
        "自该时刻起的事件：Unix 秒数，或 90m、48h、7d 这样的回溯时长",
    ),
    "webhook listen: url": (
        "an address that leads to this port, where the gateway is elsewhere",
        "网关不在本机时，指向此端口的地址",
    ),
    "count": ("end after so many events", "收到若干事件后结束"),
    "webhook create: out": ("write the secret to this new file", "将密钥写入此新文件"),
    "webhook rotate: out": ("write the secret to this new file", "将密钥写入此新文件"),
    "log audit: rpc": ("a node of the chain", "该链的节点地址"),
    "log audit: trust": (
        "the trust root: which chain and registry are audited",
        "信任根：所审计的链与登记处",
    ),
    "log audit: remembered": (
        "the report of an earlier audit: its head must still be this log's",
        "先前审计的报告：其日志头必须仍属于本日志",
    ),
    "log audit: progress-file": (
        "keep here how far it has come, and go on from there",
        "在此文件记录进度并可续作",
    ),
    "log audit: grace": ("seconds in which an act may still be on its way", "行为入日志的宽限秒数"),
    "log audit: without-gateway": (
        "ask no gateway: what the chain and the progress file alone show",
        "不询问网关：仅依据链与进度文件",
    ),
    "log audit: csv-file": ("write the findings to this new file as CSV", "将发现写入此新 CSV 文件"),
    "log audit: out": ("write the report to this new file as JSON", "将报告写入此新 JSON 文件"),
    "verify: file": (
        "the proof bundle or the PDF that carries one, or - for standard input",
        "证明文件或附有证明文件的 PDF，- 表示标准输入",
    ),
    "verify: trust": ("the trust root: which chain and registry you rely on", "信任根：所信赖的链与登记处"),
    "verify: rpc": (
        "a node of the chain; without it, what the trusted validators sealed is read",
        "该链的节点地址；未给出时读取所信任验证者签封的内容",
    ),
    "verify: at": ("take this for the time now", "以此作为当前时间"),
    "verify: out": ("write the verdict to this new file", "将结论写入此新文件"),
    "bill bundle: field": (
        "show this field alone (a JSON Pointer); again for more",
        "仅出示该字段（JSON Pointer），可重复",
    ),
    "bill paper: what": (
        "a bill that you may read here, a bill file, a proof bundle or a PDF that carries one",
        "可阅读的提单编号、提单文件、证明文件或附有证明文件的 PDF",
    ),
    "bill paper: field": (
        "show this field alone (a JSON Pointer); again for more",
        "仅出示该字段（JSON Pointer），可重复",
    ),
    "bill paper: out": ("write the PDF to this new file", "将 PDF 写入此新文件"),
    "bill bundle: out": ("write the bundle to this new file", "将证明文件写入此新文件"),
    "bill verify: out": ("write the verdict to this new file", "将结论写入此新文件"),
    **helps_signing.OPTIONS,
}

_GLOBAL = {
    "global_json": "json",
    "global_lang": "lang",
    "global_gateway": "gateway",
    "global_token_file": "token-file",
}


def walk(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below one, with the names that lead to it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, f"{path} {name}".strip())


def option_key(path: str, name: str) -> str:
    """Under which key an option's text stands."""
    plain = _GLOBAL.get(name)
    if plain is not None:
        return plain
    spelled = _SPELLED.get(name, name).replace("_", "-")
    own = f"{path}: {spelled}"
    return own if own in OPTIONS else spelled


_NAMES = SimpleNamespace(help_option_names=["--help"])
_SPELLED = {"starts": "from", "ends": "until", "old_key": "key", "roles": "role", "types": "type"}


def translate(tree: Any, lang: str) -> None:
    """Put a language's help into a tree of commands."""
    at = lang == "zh"
    for path, command in walk(tree):
        command.help = COMMANDS[path][at]
        command.short_help = command.help
        own = command.get_help_option(_NAMES)
        for parameter in (*command.params, own):
            parameter.help = OPTIONS[option_key(path, parameter.name)][at]
        command.options_metavar = ("[OPTIONS]", "[选项]")[at]
        if hasattr(command, "commands"):
            command.subcommand_metavar = ("COMMAND", "命令")[at]
