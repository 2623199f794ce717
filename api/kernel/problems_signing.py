"""Texts of errors about signing keys elsewhere and about four eyes; :mod:`api.kernel.problems` takes them up.

>>> SIGNING["hsm-pin"][1]
'The token refuses the PIN'
"""

from __future__ import annotations

from typing import Final

__all__ = ["SIGNING"]

_ADMIN = ("ask the gateway's operator", "请联系网关运营方")
_FIELDS = ("mend the named field and send it again", "请更正所指字段后重新提交")
_LATER = ("try again later; nothing was lost", "请稍后重试，数据没有丢失")
_TOKEN = ("see that the token is plugged in and its box answers", "请检查令牌设备是否接入且可响应")

SIGNING: Final[dict[str, tuple[int, str, str, str, str]]] = {
    # signing keys elsewhere
    "signer": (503, "The key cannot be used now", "签名密钥暂时无法使用", *_LATER),
    "signature-untrue": (
        502,
        "The signer gave a signature that is not its key's",
        "签名设备给出的签名与其密钥不符",
        *_ADMIN,
    ),
    "key-not-here": (
        409,
        "This gateway cannot sign for that account",
        "本网关无法以该账户签名",
        "name an account of the gateway's token or signing service, or none",
        "请指定网关签名设备或签名服务中的账户，或不指定",
    ),
    "hsm-uri": (
        422,
        "The token's address is malformed",
        "令牌设备地址格式错误",
        "write it as pkcs11:token=...;object=...?module-path=...&pin-source=... (RFC 7512)",
        "请写作 pkcs11:token=...;object=...?module-path=...&pin-source=...（RFC 7512）",
    ),
    "hsm-module": (503, "The token's module cannot be used", "令牌设备的模块无法使用", *_ADMIN),
    "hsm-token-missing": (503, "The token is not there", "未找到令牌设备", *_TOKEN),
    "hsm-token-ambiguous": (503, "More than one token or key fits", "有多个令牌设备或密钥符合", *_ADMIN),
    "hsm-pin": (
        503,
        "The token refuses the PIN",
        "令牌设备拒绝 PIN",
        "write the right PIN into its file; it is not tried again before",
        "请在 PIN 文件中写入正确的 PIN；在此之前不会重试",
    ),
    "hsm-pin-file": (503, "The PIN's file cannot be used", "PIN 文件无法使用", *_ADMIN),
    "hsm-key-missing": (503, "The token has no such key", "令牌设备中没有该密钥", *_ADMIN),
    "hsm-key-unfit": (
        503,
        "The key can leave its token, so it does not sign",
        "该密钥可被导出，因此不用于签名",
        "make a key in the token",
        "请在令牌设备内生成密钥",
    ),
    "hsm-lost": (503, "The session with the token was lost", "与令牌设备的会话中断", *_TOKEN),
    "hsm-hung": (503, "The token does not answer", "令牌设备无响应", *_TOKEN),
    "signer-settings": (500, "A remote signer is described wrongly", "远程签名服务的配置有误", *_ADMIN),
    "signer-down": (503, "The signing service is down", "签名服务不可用", *_LATER),
    "signer-hung": (503, "The signing service does not answer", "签名服务无响应", *_LATER),
    "signer-unauthorized": (
        503,
        "The signing service does not take this gateway",
        "签名服务不接受本网关",
        *_ADMIN,
    ),
    "signer-refused": (
        503,
        "The signing service does not sign this",
        "签名服务拒绝签署",
        "ask who runs the signing service",
        "请联系签名服务的运营方",
    ),
    "signer-answer": (502, "The signing service's answer cannot be used", "签名服务的应答无法使用", *_ADMIN),
    # four eyes
    "person-needed": (
        422,
        "The token must stand for a person",
        "令牌须对应到人",
        "send person with a token that signs off, and the party it belongs to",
        "请为有会签权限的令牌提供 person 及其所属参与方",
    ),
    "not-a-person": (
        403,
        "Only people sign off",
        "仅限个人会签",
        "use a token that stands for a person",
        "请使用对应到人的令牌",
    ),
    "own-request": (
        403,
        "Not on one's own proposal",
        "不能处理自己提出的申请",
        "have another person decide; only the proposer withdraws",
        "请由他人会签；撤回仅限提出人",
    ),
    "already-signed-off": (
        409,
        "This person has signed off already",
        "此人已会签",
        "have another person sign off",
        "请由其他人会签",
    ),
    "approval-ended": (
        409,
        "The request waits for nobody any more",
        "该申请已结束",
        "propose it anew",
        "请重新提出",
    ),
    "approval-other-digest": (
        409,
        "Not the digest of this request",
        "摘要与该申请不符",
        "look at the request and approve what it shows",
        "请查看申请并按所示内容会签",
    ),
    "approval-rule-malformed": (422, "The rule names no such act", "规则中的行为不存在", *_FIELDS),
    "approval-rule-changed": (
        409,
        "The party's rule changed meanwhile",
        "该方的会签规则已变更",
        "propose it anew",
        "请重新提出",
    ),
    "approval-altered": (
        500,
        "A request is not the one that was approved",
        "申请内容与会签内容不符",
        *_ADMIN,
    ),
    "too-few-people": (
        409,
        "Too few people can sign off",
        "可会签的人数不足",
        "make tokens for more people first",
        "请先为更多人创建令牌",
    ),
}
