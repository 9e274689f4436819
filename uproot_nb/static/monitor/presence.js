/* presence.js: who was online when. */

import { build, clock, naturally, region, span, written } from "./dom.js";
import { labelOf } from "./people.js";

export function presencePanel(people) {
    const stays = new Map();
    const body = build("tbody");
    let from = Infinity;
    const head = ["Player", "Online", "Over time"].map((name) => build("th", { scope: "col" }, name));
    const panel = region("Presence", { class: "unb-table unb-presence" }, build("table", {}, build("thead", {}, build("tr", {}, ...head)), body));

    function draw() {
        const now = Date.now() / 1000;
        const label = ([name]) => people.get(name)?.label;
        const sorted = [...stays].sort((a, b) => naturally(label(a), label(b)) || naturally(people.get(a[0])?.id, people.get(b[0])?.id));
        body.replaceChildren(...sorted.map(([name, list]) => line(name, list, now)));
    }

    function line(name, list, now) {
        const percent = (seconds) => 100 * seconds / Math.max(1, now - from);
        const parts = list.map(([a, b]) => build("span", { style: `left:${percent(a - from)}%;width:${percent((b ?? now) - a)}%`, title: `${clock(a)} – ${b ? clock(b) : "now"}` }));
        const sum = list.reduce((all, [a, b]) => all + (b ?? now) - a, 0);
        return build("tr", {}, build("td", { title: name }, written(labelOf(people.get(name)) || name)), build("td", {}, span(sum)), build("td", {}, build("div", { class: "unb-track" }, ...parts)));
    }

    return {
        panel, look: draw,
        news(message) {
            if (message.everything) stays.clear();
            message.presence.forEach(([name, time, here]) => {
                from = Math.min(from, time);
                const list = stays.get(name) || stays.set(name, []).get(name);
                const open = list.length && list[list.length - 1][1] === null ? list[list.length - 1] : null;
                if (here && !open) list.push([time, null]);
                else if (!here && open) open[1] = time;
            });
            if (message.presence.length && !panel.closest("[hidden]")) draw();
        },
    };
}
