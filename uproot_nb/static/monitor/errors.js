/* errors.js: failures; equal ones are one line, whoever had them. */

import { build, button, clock, setText, withFocus } from "./dom.js";
import { glossed, listed } from "./people.js";

export function errorsPanel({ people, pick, steers }) {
    const none = build("p", { class: "unb-quiet" }, "No errors.");
    const list = build("div", { class: "unb-pad", role: "log", "aria-relevant": "additions", "aria-label": "Errors" }, none);
    const kinds = new Map();

    function begin(type, text) {
        const kind = { count: 0, players: 0, subjects: new Set(), line: build("summary"), who: build("p", { class: "unb-quiet" }) };
        const choose = button("Select these players", () => pick(kind.names.filter((name) => people.has(name))));
        kind.whole = build("details", { "data-type": type }, kind.line, kind.who, build("pre", { tabindex: "0" }, text), ...(steers ? [choose] : []));
        return kind;
    }

    function take([, time, subject, page, value, cause = "", count = 1, players = 1]) {
        const { type = "Error", message: words = "", traceback = "", source = "" } = JSON.parse(value) || {};
        const key = JSON.stringify([type, words, traceback, source, page, cause]);
        const text = [traceback || words, source.replace(/^:\d+$/, "")].filter(Boolean).join("\n");
        const kind = kinds.get(key) || begin(type, text);
        kinds.set(key, kind);
        kind.count += count;
        kind.subjects.add(subject);
        kind.names = [...kind.subjects].map((one) => one.replace(/^player\//, ""));
        kind.players = Math.max(kind.players, players, kind.subjects.size);
        const who = kind.players > 1 ? `${kind.players} players` : subject;
        const times = kind.count > 1 ? ` · ${kind.count.toLocaleString()} times` : "";
        const parts = [[clock(time)], glossed(who, people), [page], [`${type}: ${words}${times}`]].filter(([part]) => part);
        kind.line.replaceChildren(...parts.flatMap((part, at) => (at ? [" · ", ...part] : part)));
        kind.who.textContent = kind.players > 1 ? `Among them: ${listed(kind.names, people)}` : "";
        kind.who.hidden = !kind.who.textContent;
        if (list.firstChild !== kind.whole) list.prepend(kind.whole);
    }

    return {
        panel: list,
        news({ errors, everything }, tab) {
            if (everything) {
                kinds.clear();
                list.replaceChildren(none);
            }
            if (errors.length) withFocus(list, () => errors.forEach(take));
            none.hidden = kinds.size > 0;
            setText(tab, kinds.size ? `Errors (${kinds.size})` : "Errors");
            tab.classList.toggle("unb-bad", kinds.size > 0);
        },
    };
}
