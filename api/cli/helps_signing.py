"""Help on keys in tokens and on four eyes; :mod:`api.cli.helps` takes it up.

>>> COMMANDS["approval approve"][0]
'Sign off what is shown; with the last sign-off the key signs it'
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS", "OPTIONS"]

COMMANDS: Final = {
    "party key new": ("Make a signing key in a token (PKCS#11)", "在令牌设备（PKCS#11）内生成签名密钥"),
    "party key list": ("List the signing keys of a token", "列出令牌设备中的签名密钥"),
    "approval": ("Four eyes: what waits for sign-offs", "会签：待处理的申请"),
    "approval list": ("List the requests of the caller's party", "列出本方的申请"),
    "approval show": ("Show a request, and who said what", "显示申请及各人意见"),
    "approval approve": (
        "Sign off what is shown; with the last sign-off the key signs it",
        "对所示内容会签；会签完成后由密钥签署",
    ),
    "approval decline": ("Decline; one no ends a request", "拒绝；一人拒绝即终止"),
    "approval withdraw": ("Withdraw what the caller proposed", "撤回自己提出的申请"),
    "approval rule": ("Which acts need whose sign-off", "哪些行为须会签"),
    "approval rule show": ("Show the rule of the caller's party", "显示本方的规则"),
    "approval rule set": ("Ask for another rule, under the present one", "按现行规则申请变更规则"),
    "approval rule lift": (
        "Lift a rule whose people are lost, in the gateway's own database",
        "人员失联时，在网关数据库中解除规则",
    ),
}

OPTIONS: Final = {
    "approval list: status": (
        "only those that stand here: awaiting-approval, signed, ...",
        "仅列出此状态：awaiting-approval、signed 等",
    ),
    "id": ("the request's id", "申请编号"),
    "approval show: wait": ("seconds to wait for its end", "等待结束的秒数"),
    "approval approve: digest": (
        "only if this is its digest; then nothing is asked",
        "仅当摘要与此一致时处理，且不再询问",
    ),
    "approval decline: digest": (
        "only if this is its digest; then nothing is asked",
        "仅当摘要与此一致时处理，且不再询问",
    ),
    "approval rule set: act": (
        "an act as ROOM/ACT, or * for all; may be repeated",
        "须会签的行为 ROOM/ACT，* 表示全部，可重复",
    ),
    "people": ("how many different people, the proposer among them", "所需人数，含提出人"),
    "lifetime": (
        "time in which an act is signed off and takes effect: 90m, 24h, 7d",
        "会签及生效时限：90m、24h、7d",
    ),
    "none": ("lift the rule", "解除规则"),
    "person": (
        "whom the token stands for, as the party calls its people; only a keyed hash is kept",
        "令牌对应的人员，按本方称呼；只保存带密钥的摘要",
    ),
    "entrusted": (
        "the new key is one that the gateway can use: marked custodial",
        "新密钥由网关使用，标记为托管",
    ),
    "entrusted-key": (
        "an account of the gateway's token or signing service",
        "网关令牌设备或签名服务中的账户",
    ),
    "party key new: token": (
        "the token and the new key's name: pkcs11:token=...;object=...",
        "令牌设备与新密钥名称：pkcs11:token=...;object=...",
    ),
    "party key list: token": ("the token: pkcs11:token=...", "令牌设备：pkcs11:token=..."),
    "party key new: reader": ("make a reader key in this new file, too", "同时在此新文件生成阅读密钥"),
}
