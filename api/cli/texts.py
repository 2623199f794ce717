"""Every text that a command prints, in English and in Chinese, in one table.

Help texts are in :mod:`api.cli.helps`; errors of the gateway and the engine bring their own texts
(:mod:`api.kernel.problems`). A test holds that each key is used, and each used key is here in both languages.

>>> text("zh", "check-sound", errors=0, warnings=2)
'未发现错误；提示 2 项'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from api.cli.texts_signing import SIGNING

__all__ = ["LANGUAGES", "TEXTS", "language_of", "plain", "text"]

LANGUAGES: Final = ("en", "zh")

_WORDS: Final = {
    "account": ("account", "账户"),
    "act": ("act", "行为"),
    "address": ("address", "地址"),
    "admitted": ("admitted", "接纳时间"),
    "bill": ("bill", "提单"),
    "block": ("block", "区块"),
    "chain-id": ("chain", "链号"),
    "check": ("check", "核查项"),
    "contracts": ("contracts", "合约"),
    "country": ("country", "国家"),
    "custodial": ("entrusted", "托管"),
    "data-dir": ("data folder", "数据目录"),
    "dead": ("given up", "已放弃"),
    "delivery": ("delivery", "投递"),
    "docs": ("documentation", "接口文档"),
    "attempts": ("attempts", "尝试次数"),
    "event": ("event", "事件"),
    "failures": ("failures", "连续失败"),
    "old-secret-until": ("old secret until", "旧密钥有效至"),
    "outcome": ("last attempt", "最近一次尝试"),
    "types": ("types", "类型"),
    "waiting": ("waiting", "待投递"),
    "webhook": ("webhook", "通知订阅"),
    "ended": ("ended {time}", "已于 {time} 终止"),
    "expires": ("expires", "到期"),
    "files": ("files", "文件"),
    "found": ("what was found", "核查结果说明"),
    "gas": ("gas", "gas"),
    "gas-price": ("gas price (wei)", "gas 单价（wei）"),
    "head": ("head", "链头"),
    "holder": ("holder", "持有人"),
    "id": ("id", "编号"),
    "issuer": ("issuer", "签发人"),
    "key": ("key", "密钥"),
    "keys": ("keys", "密钥"),
    "label": ("label", "标签"),
    "live": ("live", "有效"),
    "metrics": ("metrics", "指标"),
    "name": ("name", "名称"),
    "no": ("no", "否"),
    "note-fingerprint": ("note's fingerprint", "运单指纹"),
    "offered-to": ("offered to", "要约受让人"),
    "open-acts": ("you can", "可用行为"),
    "open-end": ("open", "无期限"),
    "operator": ("operator", "运营方"),
    "own-key": ("own key", "自有"),
    "party": ("party", "参与方"),
    "reader-key": ("reader key", "阅读密钥"),
    "required": ("required", "必需"),
    "result": ("result", "结果"),
    "revoked": ("revoked", "已撤销"),
    "role": ("role", "角色"),
    "roles": ("roles", "角色"),
    "scope": ("scope", "范围"),
    "scopes": ("scopes", "权限"),
    "sender": ("sender", "发送账户"),
    "sequence": ("sequence", "序号"),
    "signed-with": ("signed with", "签署密钥"),
    "state": ("state", "状态"),
    "status": ("status", "进度"),
    "subject": ("subject", "对象"),
    "suspended": ("suspended", "已暂停"),
    "time": ("time", "时间"),
    "to-order": ("to order", "指示提单"),
    "transaction": ("transaction", "交易"),
    "until": ("until {time}", "至 {time}"),
    "verdict": ("verdict", "结论"),
    "yes": ("yes", "是"),
}

_STATES: Final = {
    "result.fail": ("fail", "未通过"),
    "result.pass": ("pass", "通过"),
    "result.unknown": ("unknown", "无法判定"),
    "scope.chain": ("chain", "链"),
    "scope.document": ("document", "单证"),
    "scope.gateway": ("gateway", "网关"),
    "scope.registry": ("registry", "登记处"),
    "state.accepted": ("accepted", "已接受提示"),
    "state.delivered": ("delivered", "已交付"),
    "state.issued": ("issued", "已签发"),
    "state.surrendered": ("surrendered", "已提示"),
    "state.voided": ("voided", "已作废"),
    "delivery.dead": ("given up", "已放弃"),
    "delivery.delivered": ("delivered", "已送达"),
    "delivery.waiting": ("waiting", "待投递"),
    "outcome.address-forbidden": ("address not allowed", "地址不允许"),
    "outcome.connect-failed": ("no connection", "无法连接"),
    "outcome.delivered": ("delivered", "已送达"),
    "outcome.dns-failed": ("name without an address", "域名无法解析"),
    "outcome.expired": ("waited too long", "等待过久"),
    "outcome.gone": ("gone", "接收端已撤销"),
    "outcome.http-status": ("refused", "接收端拒绝"),
    "outcome.internal": ("a defect of the gateway", "网关缺陷"),
    "outcome.not-http": ("does not speak HTTP", "接收端不是 HTTP 服务"),
    "outcome.timeout": ("no answer in time", "超时未应答"),
    "outcome.tls-failed": ("certificate not trusted", "证书不可信"),
    "webhook.active": ("active", "启用"),
    "webhook.gone": ("gone", "接收端已撤销"),
    "webhook.paused": ("paused", "已暂停"),
    "status.done": ("done", "已完成"),
    "status.expired": ("expired", "已过期"),
    "status.mined": ("mined", "已打包"),
    "status.pending": ("pending", "待发送"),
    "status.refused": ("refused", "被拒绝"),
    "status.sent": ("sent", "已发送"),
}

_MESSAGES: Final = {
    "act-signed": (
        "Signed: {file}. Hand it in with: landbridge intent submit {file}",
        "已签署：{file}。提交：landbridge intent submit {file}",
    ),
    "act-written": (
        "Prepared: {file}. Sign it with: landbridge intent sign {file} --key KEY --out SIGNED",
        "已准备：{file}。签署：landbridge intent sign {file} --key KEY --out SIGNED",
    ),
    "ask-password": ("Password of {file}:", "{file} 的口令："),
    "ask-password-again": ("Once more:", "请再输入一次："),
    "bill-file-written": (
        "Written: {file}. Whoever has it can read and verify the bill.",
        "已写入：{file}。持有该文件者可阅读并核验提单。",
    ),
    "check-sound": ("No error; warnings: {warnings}", "未发现错误；提示 {warnings} 项"),
    "check-unsound": ("Errors: {errors}; warnings: {warnings}", "错误 {errors} 项；提示 {warnings} 项"),
    "embedded-warning": (
        "Warning: the chain is the gateway's own. It survives crashes but protects nobody from its operator.",
        "警告：该链由网关自行运行，可防故障，不能防范其运营方。",
    ),
    "failed": ("error [{code}] {sentence}", "错误 [{code}] {sentence}"),
    "failed-next": ("  what to do: {advice}", "  建议：{advice}"),
    "gas-costs": ("Gas costs {price} wei a unit on this chain.", "该链的 gas 单价为 {price} wei。"),
    "issue-refused-here": (
        "Not issued: the document has {errors} error(s).",
        "未签发：单证有 {errors} 项错误。",
    ),
    "opening-keep": (
        "Keep this: it alone shows what the digest on the chain stands for.",
        "请保存以下内容：只有它能说明链上摘要所代表的内容。",
    ),
    "opening-written": (
        "What the digest on the chain stands for is in {file}: keep it.",
        "链上摘要所代表的内容已存于 {file}，请妥善保存。",
    ),
    "sending-directly": (
        "Sending to the contract {contract} without a gateway …",
        "不经网关，直接发送至合约 {contract} …",
    ),
    "secret-once": ("This secret is shown once.", "密钥只显示一次。"),
    "secret-written": ("The secret is in {file}.", "密钥已写入 {file}。"),
    "serving": ("Serving. Stop with Ctrl-C.", "正在服务。按 Ctrl-C 停止。"),
    "stopped": ("Stopped in order; nothing was lost.", "已正常停止，数据没有丢失。"),
    "token-once": ("This token is shown once.", "令牌只显示一次。"),
    "token-written": ("The token is in {file}.", "令牌已写入 {file}。"),
    "usage-hint": ("  see: {command} --help", "  用法：{command} --help"),
    "verdict-reasons": ("(not passed: {reasons})", "（未通过：{reasons}）"),
    "webhook-deleted": ("Deleted: {id}", "已删除：{id}"),
    "webhook-listening": (
        "Listening at {url} as {id}. Stop with Ctrl-C.",
        "正在 {url} 接收通知（{id}）。按 Ctrl-C 停止。",
    ),
    "webhook-replayed": ("Events sent again: {count}", "重新发送的事件：{count}"),
    "void-prepared": (
        "Prepared: {file}. The issuer cosigns with: landbridge intent sign {file}\n"
        "Then the holder: landbridge bill void BILL --act {file} --cosignature HEX",
        "已准备：{file}。签发人会签：landbridge intent sign {file}\n"
        "随后持有人执行：landbridge bill void BILL --act {file} --cosignature HEX",
    ),
}

_DEMO: Final = {
    "came.fails": (
        "fails by name: {reasons} (a mass of {before} kg made {after} kg)",
        "未通过：{reasons}（一处质量由 {before} kg 改为 {after} kg）",
    ),
    "came.issued-twice": ("issued a second time", "被重复签发"),
    "came.note-taken": (
        "refused by the chain: note-taken ({error})",
        "被链拒绝：note-taken（该运单已有提单，{error}）",
    ),
    "came.state": ("{state}, controlled by {holder}", "{state}，由{holder}控制"),
    "came.verdict": (
        "{verdict}: {passed} checks pass, {fail} fail, {unknown} unknown here; {required} were required",
        "{verdict}：{passed} 项通过，{fail} 项未通过，{unknown} 项在此无法判定；其中必需 {required} 项",
    ),
    "demo-admitting": ("Admitting {name} …", "正在接纳{name} …"),
    "demo-bill": ("  {bill}  {state}, sequence {sequence}", "  {bill}  {state}，序号 {sequence}"),
    "demo-counts": (
        "Chain head {before} → {after}; bills {bills_before} → {bills_after}",
        "链头 {before} → {after}；提单 {bills_before} → {bills_after}",
    ),
    "demo-first": ("No story ended here yet: chain head {head}.", "此处尚无完成的演示：链头 {head}。"),
    "demo-grown": (
        "Found again: chain head {head} (the last run ended at {last}), {count} bill(s):",
        "已恢复：链头 {head}（上次结束于 {last}），提单 {count} 份：",
    ),
    "demo-held": ("Every step held ({held} of {of}).", "各步骤均符合预期（{held}/{of}）。"),
    "demo-lost": (
        "NOT as the last run left it: chain head {head} (it ended at {last}), {count} bill(s):",
        "与上次结束时不一致：链头 {head}（上次结束于 {last}），提单 {count} 份：",
    ),
    "demo-not-held": ("NOT every step held ({held} of {of}).", "有步骤不符合预期（{held}/{of}）。"),
    "demo-same": (
        "Found again as the last run left it: chain head {head}, {count} bill(s):",
        "与上次结束时一致：链头 {head}，提单 {count} 份：",
    ),
    "demo-serve": (
        "To keep it running: landbridge demo bills --serve --data-dir {data_dir}",
        "如需持续运行：landbridge demo bills --serve --data-dir {data_dir}",
    ),
    "demo-starting": ("Opening the gateway in {data_dir} …", "正在打开网关，数据目录 {data_dir} …"),
    "demo-try": ("try: curl -H @{header} {url}/v1/bills", "试用：curl -H @{header} {url}/v1/bills"),
    "demo-try-cli": (
        "     landbridge bill history {bill} --gateway {url} --token-file {tokens}#carrier-a",
        "     landbridge bill history {bill} --gateway {url} --token-file {tokens}#carrier-a",
    ),
    "step-block": ("block {block}", "区块 {block}"),
    "step-gas": ("gas {gas}", "gas {gas}"),
    "step-seconds": ("{seconds} s", "{seconds} 秒"),
    "step.deliver": (
        "{carrier_a} accepts the surrender and delivers",
        "{carrier_a}接受提示并交付货物",
    ),
    "step.issue": (
        "{carrier_a} issues a bill to the order of {exporter}",
        "{carrier_a}签发提单，凭{exporter}指示",
    ),
    "step.second-issue": (
        "{carrier_b} issues a second bill for the same consignment note",
        "{carrier_b}就同一运单再次签发提单",
    ),
    "step.surrender": ("{importer} surrenders the bill", "{importer}提示提单请求提货"),
    "step.tampered": ("{bank} is shown a tampered copy", "{bank}收到一份被改动的副本"),
    "step.to-bank": (
        "{exporter} transfers the bill to the order of {bank}",
        "{exporter}将提单转让，凭{bank}指示",
    ),
    "step.to-importer": ("{bank} transfers the bill to {importer}", "{bank}将提单转让给{importer}"),
    "paper-written": (
        "Written: {file}. It carries its proof: verify it with landbridge verify, a node and a trust root.",
        "已写入：{file}。文件自带证明：可用 landbridge verify、节点与信任根核验。",
    ),
    "scrub-pass": ("pass", "巡检"),
    "scrub-resting": ("resting", "空闲"),
    "scrub-last": ("last whole pass", "上次完整巡检"),
    "scrub-next": ("next", "下次"),
    "scrub-since": ("since", "起始"),
    "scrub-cleared": ("cleared", "已消除"),
    "scrub-well": ("Nothing stored was found to be otherwise than written.", "未发现存储内容与写入时不符。"),
    "scrub-not-yet": ("No whole pass has ended yet.", "尚无完整巡检完成。"),
    "scrubbed.leaves": ("leaves", "叶节点"),
    "scrubbed.tiles": ("tiles", "树块"),
    "scrubbed.heads": ("heads", "日志头"),
    "scrubbed.documents": ("documents", "单证"),
    "scrubbed.blobs": ("ciphertexts", "密文"),
    "scrubbed.bytes": ("bytes", "字节"),
    "bundle-written": (
        "Written: {file}. Anyone can verify it with landbridge verify, a node and a trust root.",
        "已写入：{file}。任何人可用 landbridge verify、节点与信任根核验。",
    ),
    "step.verify": ("{bank} verifies the bill", "{bank}核验提单"),
    "step.verify-delivered": ("{bank} verifies the bill again", "{bank}再次核验提单"),
}

_AUDIT: Final = {
    "audit.block": ("block", "区块"),
    "audit.detail": ("detail", "细节"),
    "audit.finding": ("finding", "发现"),
    "audit.leaf": ("leaf", "叶节点"),
    "audit.meaning": ("meaning", "含义"),
    "audit.transaction": ("transaction", "交易"),
    "audit-chain-read": ("chain", "链"),
    "audit-failed": (
        "The log does NOT agree with the chain: {findings} findings in {leaves} leaves, {heads} heads and "
        "{acts} acts, as of block {block} ({time}).",
        "日志与链不一致：截至区块 {block}（{time}），{leaves} 个叶节点、{heads} 个日志头、{acts} 个行为中"
        "有 {findings} 处问题。",
    ),
    "audit-leaves": ("leaves", "叶节点"),
    "audit-more": (
        "… and {count} more: see the report (--out) or the table (--csv)",
        "… 另有 {count} 处：见报告（--out）或表格（--csv）",
    ),
    "audit-passed": (
        "The log agrees with the chain: {leaves} leaves, {heads} heads, {acts} acts, "
        "as of block {block} ({time}).",
        "日志与链一致：截至区块 {block}（{time}），{leaves} 个叶节点、{heads} 个日志头、{acts} 个行为。",
    ),
    "audit-pending": (
        "{count} acts of the last minutes are not in the log yet: they may be on their way (--grace)",
        "最近几分钟有 {count} 个行为尚未入日志：可能仍在途中（--grace）",
    ),
    "finding.act-extra": ("the log has an act that the chain does not know", "日志中的行为在链上不存在"),
    "finding.act-foreign": ("an act of a contract that does not belong here", "行为所属合约不属于本登记处"),
    "finding.act-hidden": ("an act is in the log but not shown as one", "行为在日志中但未如实出示"),
    "finding.act-missing": ("the chain has an act that the log does not have", "链上的行为不在日志中"),
    "finding.act-twice": ("an act stands in the log again", "同一行为在日志中重复出现"),
    "finding.act-unanchored": (
        "an act is in the log, but no head that the node shows covers it",
        "行为已入日志，但节点所示的日志头均未覆盖",
    ),
    "finding.anchor-untold": (
        "the node leaves out a head that the contract holds; ask another node",
        "节点隐去了合约所存的日志头；请改询其他节点",
    ),
    "finding.answer-malformed": ("the gateway's answer cannot be read", "网关的回答无法读取"),
    "finding.chain-ahead": (
        "the node's newest block is ahead of this clock",
        "节点最新区块的时间晚于本机时钟",
    ),
    "finding.chain-stale": (
        "the node's newest block is older than the trust root allows: the node may be behind",
        "节点最新区块早于信任根所允许的时限：节点可能落后",
    ),
    "finding.document-hidden": ("a document's entry is not shown", "单证条目未出示"),
    "finding.document-twice": ("a document stands in the log again", "同一单证在日志中重复出现"),
    "finding.entry-altered": ("the entry shown is not the leaf's", "所示条目与叶节点不符"),
    "finding.entry-malformed": ("the entry is none of the log's forms", "条目格式不属于日志"),
    "finding.head-differs": (
        "the chain, or the auditor, holds another head than these leaves make: they were altered after the "
        "head that agrees",
        "链上或审计方所记的日志头与这些叶节点不符：改动发生在最后一致的日志头之后",
    ),
    "finding.head-unproven": (
        "the gateway does not prove that this head was the log's",
        "网关未能证明该日志头属于本日志",
    ),
    "finding.kind-differs": (
        "the leaf is shown as of another kind than its entry",
        "叶节点所示类别与条目不符",
    ),
    "finding.leaf-out-of-order": (
        "the gateway shows another leaf than was asked for",
        "网关所示并非所询的叶节点",
    ),
    "finding.leaves-missing": ("leaves that a head covers are not shown", "日志头所覆盖的叶节点未出示"),
    "finding.leaves-refused": ("the gateway refuses to show leaves", "网关拒绝出示叶节点"),
}

_ERRORS: Final = {
    "error.audit-file": ("{file} is no report of an audit", "{file} 不是审计报告"),
    "error.audit-other": ("{file} is of another log ({log})", "{file} 属于另一日志（{log}）"),
    "error.act-pending": (
        "the act {id} was taken and is {status}; follow it with: landbridge intent show {id}",
        "行为 {id} 已受理，当前为 {status}；查询：landbridge intent show {id}",
    ),
    "error.address": ("cannot listen on {host}:{port}: {cause}", "无法监听 {host}:{port}：{cause}"),
    "error.answer-choice": (
        "give --accept, or --refuse with --reason TEXT",
        "请给出 --accept，或 --refuse 并附 --reason TEXT",
    ),
    "error.bad-field": (
        "a field is given as NAME=VALUE, not {value}",
        "字段须写作 NAME=VALUE，而不是 {value}",
    ),
    "error.bad-time": (
        "{value} is no time: give Unix seconds, or a span such as 90m, 48h or 7d",
        "{value} 不是有效时间：请给出 Unix 秒数，或 90m、48h、7d 这样的时长",
    ),
    "error.bill-id": (
        "{value} is no id: 0x and 64 hexadecimal digits",
        "{value} 不是有效编号：应为 0x 加 64 位十六进制数",
    ),
    "error.data-dir-operator": (
        "--data-dir and --database-url belong to --operator",
        "--data-dir 与 --database-url 只能与 --operator 同用",
    ),
    "error.database": ("the database cannot be used: {cause}", "数据库无法使用：{cause}"),
    "error.defect": (
        "a defect of this program ({kind} at {place}); please report it",
        "程序缺陷（{kind}，位于 {place}），请反馈",
    ),
    "error.demo-in-production": (
        "the demo is not played where LANDBRIDGE_ENVIRONMENT is production",
        "LANDBRIDGE_ENVIRONMENT 为 production 时不运行演示",
    ),
    "error.document-other": (
        "what the gateway sent is not the document of {digest}",
        "网关返回的内容不是 {digest} 对应的单证",
    ),
    "error.domain-unknown": (
        "the act is for no contract that is known here: {name}",
        "该行为所属的合约未知：{name}",
    ),
    "error.expiry-without-offer": ("--expiry belongs to --offer", "--expiry 只能与 --offer 同用"),
    "error.field-of-bundle": (
        "{file} is a proof bundle already: --field chooses when a gateway makes one",
        "{file} 已是证明文件：--field 仅在网关生成时选择栏目",
    ),
    "error.file": ("{file}: {cause}", "{file}：{cause}"),
    "error.file-exists": (
        "{file} is there already; nothing is overwritten",
        "{file} 已存在，不会覆盖",
    ),
    "error.file-format": ("{file} is no file of the form {wanted}", "{file} 不是 {wanted} 格式的文件"),
    "error.file-missing": ("there is no file {file}", "文件不存在：{file}"),
    "error.policy-malformed": (
        "{file} is no policy: it needs a name, and required: the names of checks",
        "{file} 不是策略文件：需包含 name 与 required（检查项名称列表）",
    ),
    "error.file-not-json": (
        "{file} does not hold one JSON object ({cause})",
        "{file} 的内容不是一个 JSON 对象（{cause}）",
    ),
    "error.file-too-large": ("{file} is larger than {limit} bytes", "{file} 超过 {limit} 字节"),
    "error.gas-needs-sender": (
        "gas costs {price} wei a unit on this chain: name a funded account with --sender-key",
        "该链的 gas 单价为 {price} wei：请用 --sender-key 指定有余额的账户",
    ),
    "error.gateway-address": ("{url} is no address of a gateway", "{url} 不是网关地址"),
    "error.gateway-unreachable": (
        "no gateway answers at {url} ({cause}); start one with: landbridge serve",
        "{url} 处没有网关响应（{cause}）；启动：landbridge serve",
    ),
    "error.holder-other": (
        "the document names party {named} as holder, and --holder says {given}",
        "单证所载持有人为参与方 {named}，--holder 为 {given}",
    ),
    "error.interrupted": ("interrupted", "已中断"),
    "error.key-needed": ("name a key file with --key", "请用 --key 指定密钥文件"),
    "error.language-unknown": (
        "no language is called {lang}: zh or en",
        "不支持的语言：{lang}（可用 zh 或 en）",
    ),
    "error.log-level": ("no level is called {level}: {known}", "没有日志级别 {level}：{known}"),
    "error.no-command": ("no command is given; see: landbridge --help", "未给出命令；见 landbridge --help"),
    "error.no-contract": ("there is no contract at {contract} on this chain", "该链的 {contract} 处没有合约"),
    "error.no-gateway": (
        "what answers at {url} is no gateway (status {status})",
        "{url} 处的响应不是网关（状态码 {status}）",
    ),
    "error.node-address": (
        "{address} is no node: http://…, https://… or embedded:FILE",
        "{address} 不是节点地址：应为 http://…、https://… 或 embedded:FILE",
    ),
    "error.not-mined": (
        "the transaction {transaction} was not mined in a minute; it may be yet",
        "交易 {transaction} 一分钟内未被打包，之后仍可能被打包",
    ),
    "error.not-signed": (
        "the act has no signature; sign it with: landbridge intent sign",
        "该行为尚无签名；请先执行：landbridge intent sign",
    ),
    "error.operator-token": (
        "the operator's token has neither a party nor scopes of choice",
        "运营方令牌不属于任何参与方，也不能选择权限",
    ),
    "error.party-not-seen": (
        "the admission {id} is done, and the gateway does not show the party yet; look again",
        "接纳行为 {id} 已完成，网关尚未显示该参与方，请稍后查看",
    ),
    "error.password-empty": ("{file} holds no password in its first line", "{file} 的首行没有口令"),
    "error.password-mismatch": (
        "the passwords are empty or not the same",
        "口令为空，或两次输入不一致",
    ),
    "error.password-needed": (
        "the password of {file} is needed: --password-file, or LANDBRIDGE_KEY_PASSWORD_FILE",
        "需要 {file} 的口令：--password-file，或 LANDBRIDGE_KEY_PASSWORD_FILE",
    ),
    "error.port-taken": (
        "another process listens on {host}:{port}; stop it, or take another with --port",
        "{host}:{port} 已被其他进程占用；请停止该进程，或用 --port 另选端口",
    ),
    "error.prepared-other": (
        "the gateway prepared another act than the one asked for ({field}); nothing was signed",
        "网关准备的行为与所请求的不一致（{field}），未签署任何内容",
    ),
    "error.reader-key-missing": (
        "party {party} has no reader key here, so that it could not read the bill",
        "参与方 {party} 在此没有阅读密钥，无法阅读提单",
    ),
    "error.reader-key-needed": (
        "name a reader key's file with --reader-key",
        "请用 --reader-key 指定阅读密钥文件",
    ),
    "error.refused-by-contract": (
        "the contract refuses: {error}({arguments}) {sentence}",
        "合约拒绝：{error}({arguments})",
    ),
    "error.sender-without-funds": (
        "the sender {sender} has {found} wei, and the transaction may need {needed}",
        "发送账户 {sender} 余额 {found} wei，交易可能需要 {needed} wei",
    ),
    "error.server-start": ("the HTTP server does not start", "HTTP 服务未能启动"),
    "error.setting": ("the setting {setting} cannot be used: {cause}", "设置 {setting} 无法使用：{cause}"),
    "error.token-file": ("{file} holds no token", "{file} 中没有令牌"),
    "error.token-id": (
        "{value} is no token's id: see landbridge token list",
        "{value} 不是令牌编号：见 landbridge token list",
    ),
    "error.token-name": ("{file} holds no token called {name}", "{file} 中没有名为 {name} 的令牌"),
    "error.usage": ("{message}", "{message}"),
    "error.usage-bad-value": ("{name}: {message}", "{name} 的值无效：{message}"),
    "error.usage-missing": ("{name} is missing", "缺少 {name}"),
    "error.usage-no-command": ("no command is called {name}", "没有命令 {name}"),
    "error.usage-no-option": ("no option is called {name}", "没有选项 {name}"),
    "error.void-choice": (
        "give --reason to prepare, or --act with the file that was prepared",
        "准备时给出 --reason；提交时用 --act 指定已准备的文件",
    ),
    "error.void-cosignature": (
        "the issuer's cosignature is missing: --cosignature HEX, or a file it has signed",
        "缺少签发人的会签：--cosignature HEX，或其已签署的文件",
    ),
    "error.webhook-change": (
        "say what to change: --url, --type, --description, --pause or --resume",
        "请指明更改内容：--url、--type、--description、--pause 或 --resume",
    ),
    "error.webhook-id": (
        "{value} is no webhook's id: see landbridge webhook list",
        "{value} 不是通知订阅编号：见 landbridge webhook list",
    ),
    "error.webhook-replay": (
        "name a delivery, or give --since TIME",
        "请指定一次投递，或给出 --since TIME",
    ),
    "error.void-other": ("{file} is not the voiding of this bill", "{file} 不是作废该提单的行为"),
}

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    **_WORDS,
    **_STATES,
    **_MESSAGES,
    **_DEMO,
    **_AUDIT,
    **_ERRORS,
    **SIGNING,
}


def text(lang: str, key: str, /, **params: object) -> str:
    """The text of a key in a language.

    :raises KeyError: no text has this key, or it shows something that was not given
    """
    return TEXTS[key][LANGUAGES.index(lang)].format(**params)


def language_of(given: str | None, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> str:
    """``zh`` or ``en``: as given, else by LANDBRIDGE_LANG, else by the locale; English where neither says.

    :param arguments: where ``--lang`` may stand, for texts that are shown before arguments are read
    """
    for place, argument in enumerate(arguments):
        if argument == "--lang" and place + 1 < len(arguments):
            given = arguments[place + 1]
        elif argument.startswith("--lang="):
            given = argument.removeprefix("--lang=")
    names = ("LANDBRIDGE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    for value in (given, *(environment.get(name) for name in names)):
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def plain(value: str) -> str:
    """A text from outside with what would steer a terminal made visible."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
