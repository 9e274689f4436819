/* events.js: the events. The browser has only the rows in view. */

import { build, clock } from "./dom.js";
import { glossed } from "./people.js";

const ROW = 24;
const TALLEST = 4e6;   // pixels that every browser can scroll

export function eventsPanel(tell, people) {
    const me = Math.random().toString(36).slice(2);
    let top = 0, total = 0, asked = false, again = false, placed = 0;
    const filters = ["Player", "Kind", "Field"].map((name) =>
        build("input", { placeholder: name, "aria-label": `Only this ${name.toLowerCase()}`, size: 10, onchange: () => { total = 0; top = 0; look(); } }));
    const follow = build("input", { type: "checkbox", checked: true, onchange: () => look() });
    const when = build("input", { type: "datetime-local", step: "1", "aria-label": "Jump to a time", onchange: () => {
        const moment = new Date(when.value).getTime();
        if (Number.isNaN(moment)) return;   // it was cleared
        follow.checked = false;
        tell({ op: "find", id: me, time: moment / 1000, count: visible(), wanted: wanted() });
    } });
    const count = build("span", { class: "unb-quiet" });
    const body = build("tbody");
    const space = build("div");
    const table = build("table", {}, build("thead", {}, build("tr", {}, ...["#", "Time", "Kind", "Subject", "Field", "Value"].map((name) =>
        build("th", { scope: "col" }, name)))), body);
    const port = build("div", { class: "unb-window", tabindex: "0", role: "region", "aria-label": "Events" }, table, space);
    const panel = build("div", {}, build("div", { class: "unb-bar" }, ...filters, build("label", {}, follow, " follow"), when, count), port);

    const visible = () => Math.max(5, Math.floor((port.clientHeight || 344) / ROW) - 1);
    const wanted = () => filters.map((input) => input.value.trim());
    const last = () => Math.max(0, total - visible());

    function look() {
        if (follow.checked) top = last();
        top = Math.max(0, Math.min(top, last()));
        if (asked) { again = true; return; }
        asked = true;
        tell({ op: "rows", id: me, a: Math.floor(top), count: visible(), wanted: wanted() });
    }

    /* In little space, omit "player/". */
    function named(subject) {
        const [, kind, name] = subject.match(/^(player\/)?(.*)$/s);
        return [build("td", {}, kind ? build("span", { class: "unb-wide" }, kind) : "", ...glossed(name, people))];
    }

    function move(rows) {
        follow.checked = false;
        top += rows;
        look();
        place();
    }

    function place() {
        const height = Math.min(TALLEST, total * ROW);
        space.style.height = `${Math.max(0, height - table.offsetHeight)}px`;
        port.scrollTop = last() ? top / last() * (port.scrollHeight - port.clientHeight) : 0;
        placed = port.scrollTop;
    }

    port.addEventListener("wheel", (event) => { event.preventDefault(); move(event.deltaY / ROW); }, { passive: false });
    port.addEventListener("scroll", () => {
        if (Math.abs(port.scrollTop - placed) < 1) return;   // set by this script
        follow.checked = false;
        top = port.scrollTop / Math.max(1, port.scrollHeight - port.clientHeight) * last();
        look();
    });
    port.addEventListener("keydown", (event) => {
        const far = { ArrowUp: -1, ArrowDown: 1, PageUp: -visible(), PageDown: visible(), Home: -total, End: total }[event.key];
        if (far === undefined) return;
        event.preventDefault();
        move(far);
    });

    return {
        panel, look,
        news(message) { if (!panel.hidden && !panel.closest("[hidden]")) { if (follow.checked || message.everything) look(); } },
        rows(message) {
            if (message.id !== me) return;
            if (!message.found) asked = false;
            const grown = message.total !== total;
            total = message.total;
            if (message.found) top = message.a;
            count.textContent = `${total.toLocaleString()} events`;
            body.replaceChildren(...message.rows.map(([seq, time, kind, subject, field, value, actor, page, cause]) =>
                build("tr", { title: `${cause} ${page} ${actor}\n${value}` }, ...[seq, clock(time), kind, ...named(subject), field, build("td", {}, ...glossed(value, people))].map((words) => words instanceof Element ? words : build("td", {}, String(words))))));
            place();
            if (again || (grown && follow.checked && message.a !== last())) { again = false; look(); }
        },
    };
}
