/* tabs.js: panels of which one is shown, each with a tab; arrow keys, Home and End lead through them. */

import { arrows, build, button } from "./dom.js";

export function tabs(panels) {
    const names = Object.keys(panels);
    const stem = `unb-${Math.random().toString(36).slice(2)}`;
    const heads = names.map((name) => button(name, () => open(name), { role: "tab", id: `${stem}-${name}`, "aria-controls": `${stem}-${name}-panel` }));
    const list = build("div", { role: "tablist", "aria-label": "What to see" }, ...heads);
    const bodies = names.map((name) => build("div", { role: "tabpanel", id: `${stem}-${name}-panel`, "aria-labelledby": `${stem}-${name}` }, panels[name].panel));
    arrows(list, () => heads, (head) => {
        open(names[heads.indexOf(head)]);
        head.focus();
    });

    function open(wanted) {
        names.forEach((name, at) => {
            heads[at].setAttribute("aria-selected", String(name === wanted));
            heads[at].tabIndex = name === wanted ? 0 : -1;
            bodies[at].hidden = name !== wanted;
        });
        panels[wanted].look?.();
    }

    open(names[0]);
    return {
        panel: build("div", { class: "unb-board" }, list, ...bodies), open,
        news: (message) => names.forEach((name, at) => panels[name].news(message, heads[at])),
    };
}
