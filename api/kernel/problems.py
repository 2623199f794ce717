"""Errors as the caller sees them: RFC 9457 problem details, in Chinese and English.

The code is stable and the same in both languages; ``detail`` says what is wrong and ``next`` what to do. The
table below is the only place where a code meets its HTTP status and its texts, and a test holds that every
error of the project has its line.

>>> problem("not-found", language="zh")["title"]
'未找到'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from api.kernel.problems_signing import SIGNING

__all__ = ["MEDIA_TYPE", "TEXTS", "Text", "language_of", "problem"]

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST: Final = 400


class Text(NamedTuple):
    """A code's HTTP status, its title, and what the caller can do about it."""

    status: int
    en: str
    zh: str
    next_en: str
    next_zh: str


_AGAIN = ("prepare the act again and sign the new one", "请重新准备该行为并签署新的内容")
_LOOK = ("look at the bill's state and its open acts", "请查看提单当前状态及可用行为")
_SIGN = ("sign with a live key of the party whose act it is", "请使用该行为所属一方的有效密钥签署")
_ADMIN = ("ask the gateway's operator", "请联系网关运营方")
_FIELDS = ("mend the named field and send it again", "请更正所指字段后重新提交")
_LATER = ("try again later; nothing was lost", "请稍后重试，数据没有丢失")
_FILE = ("take a fresh copy of the document from its holder", "请向持有人重新索取文件")
_SHOWN = ("ask who showed the document to show it again", "请出示单证的一方重新出示")
_JSON = ("send valid JSON (RFC 8259, UTF-8)", "请发送合法的 JSON（RFC 8259，UTF-8）")

TEXTS: Final[dict[str, Text]] = {
    # requests
    "internal": Text(500, "Internal error", "内部错误", *_ADMIN),
    "not-found": Text(
        404, "Not found", "未找到", "check the address and the token's party", "请核对地址与令牌所属的一方"
    ),
    "method-not-allowed": Text(
        405, "Method not allowed", "不支持的方法", "see the API's documentation", "请查阅接口文档"
    ),
    "unauthorized": Text(
        401,
        "Not signed in",
        "未认证",
        "send a valid token as Authorization: Bearer",
        "请在 Authorization 头中提供有效令牌",
    ),
    "forbidden": Text(
        403, "Not allowed", "无权操作", "use a token with the scope named", "请使用具备所需权限的令牌"
    ),
    "unknown-scope": Text(
        400, "Unknown scope", "未知的权限范围", "choose among the documented scopes", "请从文档所列权限中选择"
    ),
    "request-malformed": Text(422, "The request does not fit its form", "请求内容不符合格式", *_FIELDS),
    "request-too-large": Text(
        413, "The request is too large", "请求过大", "send less in one request", "请减少单次请求的内容"
    ),
    "idempotency-key-malformed": Text(
        400,
        "Idempotency-Key is malformed",
        "幂等键格式错误",
        "send 1 to 255 visible ASCII characters",
        "请使用 1 至 255 个可见 ASCII 字符",
    ),
    "idempotency-key-reused": Text(
        422,
        "Idempotency-Key was used for another request",
        "幂等键已用于其他请求",
        "take a new key for a new request",
        "新的请求请使用新的幂等键",
    ),
    "idempotency-in-progress": Text(
        409, "The first request with this key is still running", "相同幂等键的请求仍在处理", *_LATER
    ),
    "idempotency-not-replayable": Text(
        409,
        "Done already; its answer is shown once",
        "已完成，其结果只显示一次",
        "make a new one with a new key",
        "请使用新的幂等键重新创建",
    ),
    "settings": Text(500, "The gateway is not set up", "网关尚未配置", *_ADMIN),
    # JSON
    "json-too-large": Text(413, "The JSON is too large", "JSON 过大", *_JSON),
    "json-too-deep": Text(400, "The JSON is nested too deeply", "JSON 嵌套过深", *_JSON),
    "json-duplicate-key": Text(400, "A JSON member stands twice", "JSON 成员重复", *_JSON),
    "json-not-utf8": Text(400, "The JSON is not UTF-8", "JSON 不是 UTF-8 编码", *_JSON),
    "json-number": Text(
        400,
        "A JSON number cannot be kept exactly",
        "JSON 数字无法精确保存",
        "write amounts as decimal strings",
        "金额与重量请写成十进制字符串",
    ),
    "json": Text(400, "The JSON cannot be taken", "JSON 无法接受", *_JSON),
    "json-syntax": Text(400, "The text is not JSON", "内容不是 JSON", *_JSON),
    "json-truncated": Text(
        400, "The JSON ends too early", "JSON 不完整", "send the whole text again", "请重新发送完整内容"
    ),
    "json-surrogate": Text(400, "A JSON text holds half a character", "JSON 文本含有不完整的字符", *_JSON),
    "json-not-canonical": Text(400, "The value has no canonical form", "该值没有规范形式", *_JSON),
    # documents
    "document-refused": Text(
        422,
        "The document was refused",
        "单证未通过检查",
        "mend the findings of severity error",
        "请更正严重级别为 error 的问题",
    ),
    "document-format-unknown": Text(
        422,
        "No document has this format here",
        "不支持的单证格式",
        "use a format that the API lists",
        "请使用接口列出的格式",
    ),
    "note-identity": Text(422, "The consignment note cannot be identified", "无法确认运单身份", *_FIELDS),
    "document-altered": Text(500, "A stored document's record was altered", "单证记录被改动", *_ADMIN),
    "digest": Text(422, "A digest or its seed is malformed", "摘要或其种子格式错误", *_FILE),
    "digest-field-missing": Text(422, "The document has no such field", "单证没有该字段", *_FIELDS),
    "digest-field-proof": Text(
        422, "The proof does not show this field of the document", "该证明不能证实单证字段", *_FILE
    ),
    "merkle": Text(422, "The proof is malformed", "证明格式错误", *_FILE),
    "merkle-inclusion": Text(422, "The proof does not show the entry", "证明不能证实该条目", *_FILE),
    "merkle-consistency": Text(
        422, "The proof does not show that the log only grew", "证明不能证实日志只增不改", *_FILE
    ),
    "merkle-range": Text(422, "The log has no such entry", "日志没有该条目", *_FIELDS),
    # what a chain says, proven without a node
    "proof": Text(422, "What is to prove what the chain says cannot be believed", "链上证明不可信", *_FILE),
    "rlp-malformed": Text(422, "The proof's bytes are malformed", "证明的字节格式错误", *_FILE),
    "header-malformed": Text(422, "A block's header is malformed", "区块头格式错误", *_FILE),
    "header-not-sealed": Text(
        422, "The trusted validators did not seal this block", "所信任的验证者未签封该区块", *_FILE
    ),
    "header-missing": Text(422, "A block's header is not shown", "未出示区块头", *_FILE),
    "trie-malformed": Text(422, "A part of the chain's state is malformed", "链上状态的证明格式错误", *_FILE),
    "trie-node-missing": Text(422, "A part of the proof is missing", "证明缺少一部分", *_FILE),
    "transaction-elsewhere": Text(
        422, "The transaction is not shown to stand where it is said to", "未能证实交易所在位置", *_FILE
    ),
    "code-missing": Text(422, "The code of a contract is not shown", "未出示合约代码", *_FILE),
    "chain-cannot-prove": Text(
        503, "The node cannot prove what the chain says", "节点无法证明链上内容", *_ADMIN
    ),
    "storage-layout": Text(500, "The contract keeps no such variable", "合约没有该变量", *_ADMIN),
    # the log
    "audit-chain": Text(
        409,
        "The node does not show the chain that is trusted",
        "节点所示并非所信任的链",
        "name a node of that chain, or the trust root of this one",
        "请指定该链的节点，或本链的信任根",
    ),
    "audit-chain-turned": Text(
        503, "The chain was reorganised while it was read", "读取期间链发生重组", *_LATER
    ),
    "audit-other-log": Text(
        409,
        "The file of progress is of another log",
        "进度文件属于另一日志",
        "name another file with --progress",
        "请用 --progress 指定其他文件",
    ),
    "audit-page": Text(
        502, "The gateway's answer is not what was asked for", "网关的回答与所询不符", *_ADMIN
    ),
    "audit-progress": Text(
        422,
        "The file of progress cannot be gone on with",
        "进度文件无法续用",
        "begin anew with another file (--progress), or wait for the audit that uses it",
        "请另选文件（--progress）重新开始，或等待使用该文件的审计结束",
    ),
    "audit-trust": Text(
        422,
        "The trust root does not name a contract that is needed",
        "信任根未列明所需的合约",
        "take the trust root of the whole registry",
        "请使用完整登记处的信任根",
    ),
    "bundle-malformed": Text(422, "The file is no sound proof bundle", "文件不是完好的证明文件", *_FILE),
    "bundle-too-large": Text(413, "The file is larger than any bundle", "文件过大", *_FILE),
    "paper-document": Text(
        422, "The bundle shows no bill that can be drawn", "证明文件所示内容无法绘制成提单", *_FILE
    ),
    "paper-character": Text(
        422,
        "The bill holds a character that cannot be printed",
        "提单含有无法打印的字符",
        "take the proof bundle as a file instead; it holds every character",
        "请改用证明文件，其中保留全部字符",
    ),
    "paper-too-long": Text(
        422,
        "The paper has more pages than are drawn or read",
        "页数超过上限",
        "show chosen fields, or take the proof bundle as a file instead",
        "请只出示部分栏目，或改用证明文件",
    ),
    "paper-busy": Text(503, "Too many papers are being drawn", "正在生成的文件过多", *_LATER),
    "paper-too-large": Text(413, "The PDF is larger than any bill", "PDF 文件过大", *_FILE),
    "paper-malformed": Text(422, "The PDF cannot be read", "PDF 文件损坏或不完整", *_FILE),
    "paper-encrypted": Text(
        422,
        "The PDF is encrypted",
        "PDF 文件已加密",
        "ask for the file as the gateway gave it, without a password",
        "请索取网关生成的、未加密的原始文件",
    ),
    "paper-too-costly": Text(
        422, "The PDF takes too much time or memory to read", "读取该 PDF 耗时或占用内存过多", *_FILE
    ),
    "paper-attachment-missing": Text(
        422,
        "The PDF carries no proof bundle",
        "PDF 未附证明文件",
        "ask for the file itself: a print or a scan carries no proof",
        "请索取原始文件：打印或扫描件不含证明",
    ),
    "paper-attachment-several": Text(
        422, "The PDF carries more than one file", "PDF 附有不止一个文件", *_FILE
    ),
    "paper-attachment-other": Text(
        422, "The PDF carries another file than a proof bundle", "PDF 所附文件不是证明文件", *_FILE
    ),
    "paper-attachment-too-large": Text(
        413, "The file that the PDF carries is too large", "PDF 所附文件过大", *_FILE
    ),
    "trust-malformed": Text(422, "The file is no trust root", "文件不是信任根", *_FILE),
    "log-not-anchored": Text(409, "Not all of this is anchored yet", "尚未全部上链锚定", *_LATER),
    "log-entry": Text(422, "The log does not take this", "日志不接受该内容", *_FIELDS),
    "log-leaf-missing": Text(404, "The log has no such leaf", "日志没有该叶节点", *_FIELDS),
    "log-damaged": Text(500, "A part of the log's tree is missing", "日志树有部分缺失", *_ADMIN),
    "log-altered": Text(500, "A part of the log was altered", "日志部分内容被改动", *_ADMIN),
    "log-head-ahead": Text(
        503, "The chain holds a larger head than this log", "链上的日志头大于本日志", *_ADMIN
    ),
    "log-head-differs": Text(
        503, "The chain holds another head than this log", "链上的日志头与本日志不同", *_ADMIN
    ),
    # webhooks
    "webhook-url": Text(
        422,
        "The address cannot be a webhook's",
        "该地址不能用作回调地址",
        "give https://HOST/… without user, password or fragment",
        "请给出 https://HOST/… 形式的地址，不含用户名、口令与片段",
    ),
    "webhook-address-forbidden": Text(
        422,
        "Webhooks do not go to this address",
        "不向该地址发送通知",
        "give a public address, or ask the gateway's operator to allow yours",
        "请使用公网地址，或请网关运营方放行该地址",
    ),
    "webhook-no-address": Text(
        422, "This name has no address", "该名称没有地址", "mend the name", "请更正名称"
    ),
    "webhook-type-unknown": Text(
        422,
        "No event has this type",
        "没有此类型的事件",
        "choose among the types that /v1/webhooks/types lists",
        "请从 /v1/webhooks/types 所列类型中选择",
    ),
    "webhook-limit": Text(
        409,
        "The party has as many webhooks as it may",
        "该方的通知订阅已达上限",
        "delete one that is not needed",
        "请删除不再需要的订阅",
    ),
    "webhook-paused": Text(
        409,
        "Nothing is sent to this webhook now",
        "该通知订阅已暂停发送",
        "resume it: set paused to false",
        "请恢复订阅：将 paused 设为 false",
    ),
    "webhook-secret": Text(
        500, "A webhook's stored secret cannot be opened", "通知订阅的密钥无法打开", *_ADMIN
    ),
    "webhook-signature": Text(
        422,
        "The message is not signed with this secret",
        "消息并非以此密钥签名",
        "take the secret that was shown when the webhook was made or last rotated",
        "请使用创建订阅或最近轮换时显示的密钥",
    ),
    "reader-key-unknown": Text(
        409,
        "This party has no reader key",
        "该方没有阅读密钥",
        "the party must enrol one first",
        "该方需先登记阅读密钥",
    ),
    "reader-key": Text(
        422,
        "The reader key cannot be used",
        "阅读密钥不可用",
        "enrol an X25519 public key",
        "请登记 X25519 公钥",
    ),
    "reader-key-locked": Text(500, "A reader key cannot be opened", "阅读密钥无法打开", *_ADMIN),
    "not-a-reader": Text(404, "The document is not for this key", "该单证不面向此密钥", *_SHOWN),
    "wrap": Text(422, "The document's wrapped key cannot be used", "单证的封装密钥不可用", *_SHOWN),
    "wrap-format": Text(422, "This is no wrapped key", "内容不是封装密钥", *_SHOWN),
    "wrap-version": Text(422, "The wrapped key is of an unknown version", "封装密钥的版本未知", *_SHOWN),
    "wrap-refused": Text(
        409, "The wrapped key is not for this reader and document", "封装密钥与该阅读方或单证不符", *_SHOWN
    ),
    "sealed": Text(500, "The sealed document does not open", "封存的单证无法打开", *_FILE),
    "sealed-format": Text(500, "This is no sealed document", "内容不是封存的单证", *_FILE),
    "sealed-version": Text(
        500, "The sealed document is of an unknown version", "封存单证的版本未知", *_ADMIN
    ),
    "sealed-wrong-key": Text(500, "The sealed document has another key", "封存的单证使用其他密钥", *_FILE),
    "sealed-tampered": Text(500, "The sealed document was altered", "封存的单证被改动", *_FILE),
    "sealed-truncated": Text(500, "The sealed document was cut off", "封存的单证不完整", *_FILE),
    # parties
    "unknown-party": Text(
        404, "Unknown party", "未知的参与方", "check the party's number", "请核对参与方编号"
    ),
    "not-custodial": Text(
        409,
        "The gateway holds no key of this party",
        "网关未托管该方密钥",
        "sign with your own key and submit the act",
        "请使用自有密钥签署后提交",
    ),
    "profile-taken": Text(
        409, "This organisation is admitted already", "该机构已被接纳", "use its number", "请使用其已有编号"
    ),
    "zero-digest": Text(422, "The digest is zero", "摘要为零", *_FIELDS),
    "unknown-role": Text(422, "Unknown role", "未知的角色", *_FIELDS),
    "bad-period": Text(422, "The period ends before it begins", "期间的结束早于开始", *_FIELDS),
    "court-notice": Text(
        409,
        "A court's role needs public notice",
        "法院角色须经公告期",
        "let it begin after the notice",
        "请将起始时间定在公告期之后",
    ),
    "role-standing": Text(
        409, "The party has this role already", "该方已具有此角色", "end it first", "请先终止原角色"
    ),
    "role-not-standing": Text(
        409, "The party has not this role", "该方不具有此角色", "look at its roles", "请查看其角色"
    ),
    "already-suspended": Text(
        409, "The party is suspended already", "该方已被暂停", "nothing is left to do", "无需再操作"
    ),
    "not-suspended": Text(
        409, "The party is not suspended", "该方未被暂停", "nothing is left to do", "无需再操作"
    ),
    "key-used": Text(409, "This key cannot be used", "该密钥不可使用", "make a new key", "请生成新密钥"),
    "last-key": Text(
        409, "The last key cannot be revoked", "最后一把密钥不能撤销", "rotate it instead", "请改用轮换"
    ),
    # acts
    "intent-malformed": Text(422, "The act does not fit its form", "行为内容不符合格式", *_FIELDS),
    "intent-expired": Text(409, "The act's deadline has passed", "行为已过截止时间", *_AGAIN),
    "signature-malformed": Text(422, "The signature is malformed", "签名格式错误", *_SIGN),
    "cosigners-mismatch": Text(
        409,
        "Not the signatures that this act needs",
        "签名数量不符合要求",
        "have every named signer sign the same act",
        "请由各签署方签署同一内容",
    ),
    "unknown-act": Text(422, "No such act", "没有此行为", *_FIELDS),
    "unknown-key": Text(
        403,
        "No admitted party signed this",
        "签名不属于任何已接纳的一方",
        "check the chain, the contract and the key that signed",
        "请核对链、合约与签名密钥",
    ),
    "key-revoked": Text(403, "The key was revoked", "密钥已被撤销", *_SIGN),
    "wrong-party": Text(403, "This act is another party's", "该行为属于另一方", *_SIGN),
    "stale-sequence": Text(409, "Another act came first", "已有其他行为在先", *_AGAIN),
    "wrong-state": Text(409, "The bill's state does not allow this", "提单当前状态不允许此行为", *_LOOK),
    "unknown-bill": Text(
        404, "No such bill", "没有此提单", "check the bill's id and the registry", "请核对提单编号与登记处"
    ),
    "bill-exists": Text(
        409, "This document was issued already", "该单证已签发", "look at the existing bill", "请查看已有提单"
    ),
    "note-taken": Text(
        409,
        "A bill exists for this consignment note",
        "该运单已有提单",
        "one note carries one bill; ask the note's carrier",
        "一份运单只能对应一份提单，请联系承运人",
    ),
    "not-entitled": Text(
        403,
        "Not entitled to issue",
        "无签发资格",
        "the carrier's role must hold and not be suspended",
        "承运人角色须有效且未被暂停",
    ),
    "not-to-order": Text(
        409,
        "The bill cannot be transferred",
        "该提单不可转让",
        "the named holder can surrender it",
        "记名持有人可以提示提货",
    ),
    "already-holder": Text(409, "This party holds the bill", "该方已持有提单", *_LOOK),
    "no-offer": Text(409, "Nothing is on offer", "没有待接受的转让", *_LOOK),
    "offer-expired": Text(
        409, "The offer expired", "转让要约已过期", "ask the holder to offer it again", "请持有人重新发出要约"
    ),
    "bad-expiry": Text(422, "The expiry is in the past", "有效期早于当前时间", *_FIELDS),
    "refused-by-chain": Text(409, "The contract refused the act", "合约拒绝该行为", *_LOOK),
    "outbox-act": Text(409, "This act is under way with other signatures", "该行为正以其他签名处理", *_AGAIN),
    # engine
    "contract-call": Text(500, "A call could not be encoded", "合约调用编码失败", *_ADMIN),
    "contract-answer": Text(
        502, "The chain's answer is not this registry's", "链上应答与登记处不符", *_ADMIN
    ),
    "contract-missing": Text(503, "The registry is not on this chain", "该链上没有登记合约", *_ADMIN),
    "contract-other": Text(502, "The contract is not this registry's", "合约与登记处不符", *_ADMIN),
    "deploy": Text(500, "The registry could not be set up", "登记合约未能部署", *_ADMIN),
    "keystore": Text(500, "A key file cannot be read", "密钥文件无法读取", *_ADMIN),
    "keystore-missing": Text(500, "A key file is missing", "密钥文件缺失", *_ADMIN),
    "keystore-storage": Text(500, "The key files cannot be used", "密钥文件无法使用", *_ADMIN),
    "vault": Text(500, "The vault failed", "保险库出错", *_ADMIN),
    "vault-context": Text(500, "The vault's context is malformed", "保险库上下文格式错误", *_ADMIN),
    "blob": Text(500, "A stored document cannot be read", "存储的单证无法读取", *_ADMIN),
    "blob-missing": Text(500, "A stored document is missing", "存储的单证缺失", *_ADMIN),
    "blob-corrupt": Text(500, "A stored document was altered", "存储的单证被改动", *_ADMIN),
    "blob-storage": Text(503, "The storage of documents cannot be used", "单证存储不可用", *_LATER),
    "database": Text(503, "The database cannot be used", "数据库不可用", *_LATER),
    "database-url": Text(500, "The database's address cannot be used", "数据库地址不可用", *_ADMIN),
    "relayer": Text(503, "Acts cannot be sent now", "暂时无法发送行为", *_LATER),
    "sender-without-funds": Text(503, "The gateway cannot pay for transactions", "网关账户余额不足", *_ADMIN),
    "transaction-refused": Text(
        503, "The node does not take the gateway's transactions", "节点不接受网关的交易", *_ADMIN
    ),
    "gas-price-limit": Text(
        503, "Transactions cost more than the limit set", "交易费用超出设定上限", *_LATER
    ),
    "indexer-inconsistent": Text(503, "The node's answers do not agree", "节点应答前后不一致", *_LATER),
    "node": Text(503, "The chain's node cannot be used", "链节点无法使用", *_LATER),
    "node-down": Text(503, "The chain's node is down", "链节点不可用", *_LATER),
    "node-hung": Text(503, "The chain's node does not answer", "链节点无响应", *_LATER),
    "node-refused": Text(502, "The chain's node refused", "链节点拒绝请求", *_ADMIN),
    "node-wrong-chain": Text(503, "The node is of another chain", "节点属于另一条链", *_ADMIN),
    "node-busy": Text(
        503,
        "Another process has the chain open",
        "链数据被其他进程占用",
        "stop the other process",
        "请停止其他进程",
    ),
    "node-storage": Text(507, "The chain's storage failed", "链存储失败", *_ADMIN),
    "head-moves": Text(503, "The chain moves too fast to be read", "链头变化过快，无法读取", *_LATER),
    "registry-changed": Text(
        503, "The database belongs to another registry", "数据库属于另一登记处", *_ADMIN
    ),
    "profile-altered": Text(
        503, "A party's profile is not the one on the chain", "参与方资料与链上不符", *_ADMIN
    ),
    "chain-changed": Text(503, "The chain is not the one known here", "链与已知的不一致", *_ADMIN),
    "storage-full": Text(507, "The storage is full", "存储空间不足", *_ADMIN),
    **{code: Text(*text) for code, text in SIGNING.items()},
}


def language_of(accept: str | None) -> str:
    """``zh`` or ``en`` from an Accept-Language header (RFC 9110, 12.5.4); English where neither is asked."""
    best, weight = "en", 0.0
    for item in (accept or "")[:1000].split(","):
        tag, _, parameters = item.strip().partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        primary = tag.strip().lower().split("-")[0]
        if primary in ("zh", "en") and weight < quality <= 1:
            best, weight = primary, quality
    return best


def problem(
    code: str,
    *,
    language: str,
    detail: str | None = None,
    params: Mapping[str, str | int] | None = None,
    **extensions: Any,
) -> dict[str, Any]:
    """A problem's members (RFC 9457, section 3).

    :param code: one without a line in the table is told as ``internal``
    :param detail: the English sentence of the case; in Chinese the code's own text stands
    :param extensions: further members, such as ``findings``
    """
    if code not in TEXTS:
        code, detail, params = "internal", None, None
    text = TEXTS[code]
    chinese = language == "zh"
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": text.zh if chinese else text.en,
        "status": text.status,
        "detail": text.zh if chinese else _shown(detail or text.en),
        "code": code,
        "next": text.next_zh if chinese else text.next_en,
    }
    if params:
        body["params"] = {
            _shown(key): _shown(value) if isinstance(value, str) else value for key, value in params.items()
        }
    return body | extensions


def _shown(text: str) -> str:
    # A sentence may name what the caller sent, such as a field: it is never sent back at length.
    plain = "".join(c if c.isprintable() else "?" for c in text[: _LONGEST + 1])
    return plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "…"
