// Every sentence that a check can say, in English and in Chinese.
//
//     Landbridge.said.inclusion.pass   // { en, zh }
"use strict";
(function (lb) {
  const both = (en, zh) => ({ en, zh });

  const said = {
    unread: both("what the chain says was not read: give a trust root with its validators, or name a node",
      "未读取链上情况：请提供列有验证者的信任根，或指明节点"),
    unmade: both("the file could not be read, so this was not looked at", "文件无法读取，未作此项检查"),
    bundle: {
      pass: both("the file is whole, and in shape", "文件完整且格式正确"),
      fail: both("a part of the file has not the shape of one", "文件有部分格式错误"),
      unreadable: both("the file is no whole bundle", "文件不是完整的证明文件"),
    },
    registry: {
      pass: both("the bundle is of the chain and the registry that are trusted", "文件属于所信任的链与登记处"),
      fail: both("the bundle is of another chain or registry than the one trusted",
        "文件所属的链或登记处与所信任的不同"),
      unknown: both("no trust root was given: name the chain and the registry that you rely on",
        "未提供信任根：请指明所信赖的链与登记处"),
      "other-chain": both("the node's chain is another one", "节点所示的链与文件所称的不同"),
      "other-contract": both("what stands at an address is not the published contract",
        "某地址上的合约与公布的不一致"),
      sealed: both("what the file shows of the chain is not sealed by the trusted validators, or not whole",
        "文件所附的链上证明未经所信任的验证者签署，或不完整"),
    },
    integrity: {
      pass: both("the document is, to the letter, the one that was issued", "单证与签发内容逐字一致"),
      fail: both("the document was altered, or belongs to another bill", "单证内容被改动，或属于另一份提单"),
    },
    issuer: (party) => both(`issued by party ${party}`, `由第 ${party} 号参与方签发`),
    "issuer-entitled": {
      pass: both("the issuer was a carrier when it issued", "签发时具有承运人资格"),
      fail: both("the issuer was no carrier then", "签发时不具有承运人资格"),
    },
    "key-custody": {
      pass: both("all signed with own keys", "均使用自有密钥签署"),
      fail: both("some acts were signed by keys entrusted to a gateway", "部分行为由托管于网关的密钥签署"),
    },
    signatures: {
      pass: both("every act was signed by a key of the party whose act it was", "每一行为均由所属方的密钥签署"),
      fail: both("an act was not signed by a key of the party whose act it was", "有行为不是由所属方的密钥签署"),
    },
    history: {
      pass: both("the acts shown are all that the chain knows of this bill", "所示行为即链上该提单的全部行为"),
      fail: both("the chain knows other acts than those shown: ask for a new file",
        "链上行为与所示不同：请索取新文件"),
    },
    parties: {
      pass: both("the parties' names are those under which they were admitted", "各方名称与准入时一致"),
      fail: both("a party was admitted under another name", "有一方的名称与准入时不一致"),
      unknown: both("a party is not named, so far as this file shows", "文件未载明某一方的名称"),
    },
    inclusion: {
      pass: both("everything shown is in the log", "所示内容均在日志中"),
      fail: both("not everything shown is in the log", "所示内容并非全部在日志中"),
    },
    anchoring: {
      pass: both("the chain holds this head of the log", "链上存有该日志头"),
      fail: both("the chain does not hold this head of the log", "链上没有该日志头"),
      unknown: both("no chain was asked whether it holds this head", "未向链查询该日志头"),
    },
    state: {
      live: both("the bill is live", "提单有效"),
      holder: both("the bill is live, but another party holds it", "提单有效，但持有人是另一方"),
      note: both("the bill is live, but its note is not taken by it", "提单有效，但其运单未由该提单占用"),
      ended: (state) => both(`the bill is ${state}, not live`, `提单已不是有效状态（${STATES[state]}）`),
    },
    finality: {
      sealed: both("the chain's validators signed the block: it is final", "链的验证者已签署该区块：终局"),
      unknown: both("the trust root does not say when a block of this chain is final",
        "信任根未说明该链的区块何时视为终局"),
      depth: (depth, asked) => both(`the anchor lies ${depth} blocks deep; ${asked} are asked`,
        `锚定已有 ${depth} 个区块确认，要求 ${asked} 个`),
    },
    freshness: {
      unknown: both("how old this is cannot be said", "无法判断时效"),
      ahead: both("the chain's newest block is ahead of this clock: set the clock",
        "链上最新区块的时间晚于本机时钟：请校准时钟"),
      age: (age) => both(`the chain's newest block is ${age} seconds old`, `链上最新区块距今 ${age} 秒`),
    },
    pages: both("this page cannot draw a PDF's pages: whether they say what the file proves was not looked at",
      "本页面不能绘制 PDF 页面：未检查页面内容与所证明的内容是否一致"),
  };

  const STATES = {
    none: "不存在", issued: "已签发", surrendered: "已提示", accepted: "已接受提示", delivered: "已交付",
    voided: "已作废",
  };

  Object.assign(lb, { said, stateNames: STATES });
})((globalThis.Landbridge ??= {}));
