"""Texts of commands about keys in tokens and about four eyes; :mod:`api.cli.texts` takes them up.

>>> SIGNING["approval.approved"]
('approved, about to be signed', '已会签，待签署')
"""

from __future__ import annotations

from typing import Final

__all__ = ["SIGNING"]

SIGNING: Final = {
    "acts": ("acts", "行为"),
    "always": ("always", "始终适用"),
    "approval.applied": ("in force", "已生效"),
    "approval.approved": ("approved, about to be signed", "已会签，待签署"),
    "approval.awaiting-approval": ("awaits sign-offs", "待会签"),
    "approval.declined": ("declined", "已拒绝"),
    "approval.expired": ("expired", "已过期"),
    "approval.refused": ("refused", "未能执行"),
    "approval.signed": ("signed", "已签署"),
    "approval.withdrawn": ("withdrawn", "已撤回"),
    "ask-sign-off": ("Is this what you decide on?", "确认处理上述内容？"),
    "behind": ("sign-offs", "会签"),
    "decision.approve": ("approved by", "会签人"),
    "decision.decline": ("declined by", "拒绝人"),
    "decision.lift": ("lifted by the operator", "由运营方解除"),
    "decision.propose": ("proposed by", "提出人"),
    "decision.withdraw": ("withdrawn by", "撤回人"),
    "digest": ("digest", "摘要"),
    "kind.rule": ("another rule", "变更规则"),
    "kind.token": ("a person's token", "个人令牌"),
    "leaf": ("leaf {leaf} of the log", "日志叶节点 {leaf}"),
    "lifetime": ("time to sign off", "会签时限"),
    "never-leaves": ("never leaves the token", "不可导出"),
    "people": ("people needed", "所需人数"),
    "person": ("person", "人员"),
    "reason": ("reason", "原因"),
    "rule-lifted": ("The rule of party {party} is lifted.", "参与方 {party} 的规则已解除。"),
    "rule-none": ("Party {party} has no rule.", "参与方 {party} 没有规则。"),
    "signature": ("signature", "签名"),
    "signatories": ("people who can sign off", "可会签人数"),
    "token-awaits": (
        "It is refused until others sign it off: landbridge approval approve {id}",
        "须经他人会签后方可使用：landbridge approval approve {id}",
    ),
    "what": ("what", "内容"),
    "error.approval-id": (
        "{value} is no request's id: see landbridge approval list",
        "{value} 不是申请编号：见 landbridge approval list",
    ),
    "error.awaits-approval": (
        "the act waits for others to sign it off: landbridge approval approve {id}",
        "该行为待他人会签：landbridge approval approve {id}",
    ),
    "error.own-or-entrusted": (
        "give --own-key or --entrusted-key, not both",
        "--own-key 与 --entrusted-key 只能给出其一",
    ),
    "error.rule-choice": (
        "name acts with --act, or lift the rule with --none",
        "请用 --act 指定行为，或用 --none 解除规则",
    ),
    "error.sender-remote": (
        "a signing service signs acts alone: name a key file or a token with --sender-key",
        "签名服务只签署行为：请用 --sender-key 指定密钥文件或令牌设备",
    ),
    "error.token-object": (
        "name the new key: pkcs11:token=...;object=NAME",
        "请指定新密钥的名称：pkcs11:token=...;object=NAME",
    ),
}
