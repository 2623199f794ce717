// The page: files and fields in, an answer drawn. It sends nothing but the questions of rpc.js, and those only
// where a node is named.
"use strict";
(function (lb) {
  const byId = (id) => document.getElementById(id);
  const LARGEST = 64 << 20;

  const page = { language: "en", file: null, trust: "", answer: null, run: 0 };
  const words = () => lb.words[page.language];

  // Language

  function speak(language) {
    page.language = language;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = words().title;
    for (const one of document.querySelectorAll("[data-text]")) one.textContent = words()[one.dataset.text];
    for (const one of document.querySelectorAll("[data-language]")) {
      one.setAttribute("aria-pressed", String(one.dataset.language === language));
    }
    showFile();
    showTrust();
    showAnswer();
  }

  // Inputs

  function showFile() {
    const name = byId("file-name");
    name.textContent = page.file ? page.file.name : words().drop;
    byId("drop").classList.toggle("chosen", page.file !== null);
    byId("verify").disabled = page.file === null;
  }

  function trustBytes() {
    return page.trust.trim() === "" ? null : lb.utf8(page.trust);
  }

  function showTrust() {
    const state = byId("trust-state"), data = trustBytes();
    let text = words()["trust-none"], kind = "none";
    if (data !== null) {
      try {
        const { chain, validators } = lb.readTrust(data);
        const count = validators ? validators[validators.length - 1].addresses.length : 0;
        text = lb.filled(words()["trust-good"], {
          chain: chain.id,
          contracts: Object.keys(chain.contracts).length,
          validators: validators ? lb.filled(words()["trust-validators"], { count }) : words()["trust-no-validators"],
        });
        kind = "good";
      } catch {
        text = words()["trust-bad"];
        kind = "bad";
      }
    }
    state.textContent = text;
    state.className = `state ${kind}`;
  }

  function choose(file) {
    if (!file) return;
    page.file = file;
    showFile();
    start();
  }

  async function openTrust(file) {
    if (!file) return;
    try {
      page.trust = file.size > 1 << 16 ? "too large" : await file.text();
    } catch {
      page.trust = "unreadable";
    }
    byId("trust").value = page.trust;
    showTrust();
    if (page.file) start();
  }

  async function read(file) {
    if (file.size > LARGEST) throw new lb.Refusal(/\.pdf$/i.test(file.name) ? "paper-too-large" : "bundle-too-large");
    try {
      return new Uint8Array(await file.arrayBuffer());
    } catch {
      throw new lb.Refusal("file-unreadable");
    }
  }

  // Verifying

  async function start() {
    const run = page.run += 1;
    const { file } = page;
    if (file === null) return;
    page.answer = null;
    showAnswer();
    showProgress("", 0, 0);
    byId("progress").hidden = false;
    const holder = byId("holder").value.trim(), time = byId("time").value;
    let answer;
    try {
      answer = await lb.verify({
        file: await read(file),
        trust: trustBytes(),
        node: byId("node").value.trim() || null,
        holder: holder === "" ? null : Number(holder),
        now: time === "" ? null : Math.floor(Date.parse(`${time}Z`) / 1000),
        progress: (stage, done, all) => {
          if (run !== page.run) throw new lb.Refusal("stopped");
          showProgress(stage, done, all);
        },
      });
    } catch (error) {
      answer = refusedWith(error instanceof lb.Refusal ? error.code : "internal");
    }
    if (run !== page.run) return;
    page.answer = { ...answer, file: file.name };
    byId("progress").hidden = true;
    showAnswer();
    // Who hears the page is told the verdict alone; who sees it is shown it.
    byId("announced").textContent = byId("verdict").parentElement.textContent;
    byId("answer").firstChild.scrollIntoView({ block: "nearest" });
  }

  const refusedWith = (code) => ({ verdict: null, checks: [], refusal: { code, reason: "", detail: "" } });

  function stop() {
    page.run += 1;
    page.answer = { ...refusedWith("stopped"), file: page.file.name };
    byId("progress").hidden = true;
    showAnswer();
  }

  function showProgress(stage, done, all) {
    byId("progress-text").textContent = words()[`working-${stage}`] ?? words().working;
    const bar = byId("progress-bar");
    if (all > 0) bar.value = done / all;
    else bar.removeAttribute("value");
  }

  function showAnswer() {
    const place = byId("answer");
    place.replaceChildren();
    if (page.answer === null) return;
    place.append(...lb.show(page.answer, page.language, page.answer.file));
    if (page.answer.attached) place.firstChild.after(alone());
    const print = lb.element("button", { type: "button", class: "print" }, words().print);
    print.addEventListener("click", () => window.print());
    place.append(print);
  }

  // Of a PDF the pages cannot be vouched for here; its bundle can, by itself.
  function alone() {
    const { attached, file } = page.answer;
    const button = lb.element("button", { type: "button", id: "alone" }, words()["bundle-alone"]);
    button.addEventListener("click", () => choose(new File([attached], `${file} → landbridge-bundle.json`)));
    return lb.element("section", { class: "card" },
      lb.element("p", { class: "hint" }, words()["bundle-alone-hint"]), button);
  }

  // Wiring

  function listen() {
    for (const one of document.querySelectorAll("[data-language]")) {
      one.addEventListener("click", () => speak(one.dataset.language));
    }
    byId("file").addEventListener("change", (event) => choose(event.target.files[0]));
    byId("file").addEventListener("click", (event) => { event.target.value = ""; }); // the same file again
    byId("trust-file").addEventListener("change", (event) => openTrust(event.target.files[0]));
    byId("trust").addEventListener("input", (event) => {
      page.trust = event.target.value;
      showTrust();
    });
    byId("inputs").addEventListener("submit", (event) => {
      event.preventDefault();
      start();
    });
    byId("stop").addEventListener("click", stop);
    // A file that misses the drop zone must not replace the page.
    for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
    const drop = byId("drop");
    for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => choose(event.dataTransfer.files[0]));
  }

  byId("insecure").hidden = Boolean(globalThis.crypto && globalThis.crypto.subtle);
  byId("trust").value = "";
  listen();
  speak((navigator.language || "").toLowerCase().startsWith("zh") ? "zh" : "en");
})((globalThis.Landbridge ??= {}));
