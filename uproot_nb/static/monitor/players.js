/* players.js: the players in a table that can be sorted, and what can be done to them. */

import { build, button, clock, naturally, oneStop, setText, span, withFocus, written } from "./dom.js";
import { overviewPart } from "./overview.js";
import { asPerson, labelOf } from "./people.js";
import { ACTIONS } from "./questions.js";

const MANY = 60;   // players from which on the table has a window of its own in a notebook
const RANKS = ["error", "dropped", "offline", "idle", "waiting", "online", "open", "finished"];
const STATUSES = { error: "error page", idle: "waiting, idle" };

/* Title, and what it is sorted by; `maybe` is shown if somebody has one, `wide` where there is space. */
const COLUMNS = {
    name: { title: "Player" },
    label: { title: "Label", wide: true, maybe: true },
    trader: { title: "Trader", wide: true, maybe: true },
    page: { title: "Page" },
    round: { title: "Round", wide: true, maybe: true },
    status: { title: "Status", by: (person) => RANKS.indexOf(person.status) },
    entered: { title: "For", hint: "Time on the page: sort by it", by: (person) => person.entered || "" },
    waitsFor: { title: "Waits for", wide: true, maybe: true },
    group: { title: "Group", wide: true, maybe: true },
    treatment: { title: "Treatment", wide: true, maybe: true },
    payoff: { title: "Payoff", wide: true, maybe: true },
};

export function playersPanel({ tell, act, openChat, steers, knows, now }) {
    const chosen = new Set();
    const lines = new Map();
    const people = new Map();
    let fields = [], columns = [], sorting = { key: "", down: false }, fits = null, last = null;
    const all = build("input", { type: "checkbox", "aria-label": "Select all players", onchange: () => {
        const wanted = all.checked;    // the loop below changes it
        lines.forEach((line, name) => mark(name, wanted && !line.hidden));
        counted();
    } });
    const head = build("tr");
    const body = build("tbody");
    const count = build("span", { class: "unb-quiet", "aria-live": "polite" });
    const search = build("input", { type: "search", placeholder: "Find players", "aria-label": "Find players", oninput: () => { sift(); counted(); } });
    const picked = build("input", { placeholder: "Fields: cash, bid", "aria-label": "Fields to show, with commas", onchange: () => {
        fields = picked.value.split(",").map((name) => name.trim()).filter(Boolean);
        tell({ op: "fields", fields });
        drawAll();
    } });
    const whole = build("input", { type: "checkbox", onchange: () => panel.classList.toggle("unb-whole", whole.checked) });
    const overview = overviewPart(people, (wanted) => { fits = wanted; sift(); counted(); });
    const tools = toolbar();
    const port = build("div", { class: "unb-table", tabindex: "0", role: "region", "aria-label": "Players" }, build("table", {}, build("thead", {}, head), body));
    const panel = build("div", { class: "unb-players" }, overview.panel,
        build("div", { class: "unb-bar unb-search" }, search, picked, build("label", { class: "unb-narrow" }, whole, "all columns"), count),
        port, ...(steers ? [tools] : []));
    const ticking = setInterval(tick, 1000);
    body.addEventListener("keydown", step);

    function toolbar() {
        const groups = Object.entries(ACTIONS).map(([name, actions]) =>
            build("div", { role: "group", "aria-label": name }, build("span", { class: "unb-quiet", "aria-hidden": "true" }, name),
                ...actions.filter(([what]) => knows(what)).map((action) => button(action[1], () => act(action, inOrder(), hidden()), { disabled: true, "data-action": action[0] }))));
        return oneStop(build("div", { class: "unb-bar unb-tools", role: "toolbar", "aria-label": "Actions on the selected players" }, ...groups));
    }

    /* ---- the table ---- */

    function wantedColumns() {
        const everyone = [...people.values()];
        const own = Object.entries(COLUMNS).filter(([key, { maybe }]) => !maybe || everyone.some((person) => person[key] !== ""));
        const more = fields.map((title, at) => [`field ${at}`, { title, by: (person) => person.values[at] ?? "" }]);
        return [...own, ...more].map(([key, column]) => ({ key, by: (person) => person[key], ...column }));
    }

    function heading() {
        const cells = columns.map(({ key, title, wide, hint }) => {
            const is = sorting.key === key;
            const sorted = is ? (sorting.down ? "descending" : "ascending") : null;
            return build("th", { scope: "col", class: wide ? "unb-wide" : null, "aria-sort": sorted },
                button(title, () => sortBy(key), { class: "unb-sort", "data-sort": key, title: hint ?? `Sort by ${title}` }));
        });
        head.replaceChildren(...(steers ? [build("th", { scope: "col" }, all)] : []), ...cells);
    }

    /* Up, down, and back to the order of labels. */
    function sortBy(key) {
        if (sorting.key !== key) sorting = { key, down: false };
        else sorting = sorting.down ? { key: "", down: false } : { key, down: true };
        heading();
        place();
        head.querySelector(`[data-sort="${key}"]`)?.focus();
    }

    const byLabel = (a, b) => naturally(a.label, b.label) || a.id - b.id;

    function ordered() {
        const { by } = columns.find(({ key }) => key === sorting.key) ?? {};
        const sign = sorting.down ? -1 : 1;
        const value = sorting.key === "page" ? (person) => overview.order(person.page) : by;
        const tied = sorting.key === "page" ? (a, b) => sign * naturally(a.page, b.page) || byLabel(a, b) : byLabel;
        return [...people.values()].sort(by ? (a, b) => naturally(value(a), value(b), sign) || tied(a, b) : byLabel);
    }

    /* Put lines where they belong: those of *moved* first out of the way, so that no other has to move.
     * A line that is in its place stays, or a press on it would be lost. */
    function place(moved = []) {
        const wanted = ordered().map(({ name }) => lines.get(name));
        const at = new Map(wanted.map((line, index) => [line, index]));
        const isThere = (line) => (wanted[at.get(line) - 1] ?? null) === line.previousSibling && (wanted[at.get(line) + 1] ?? null) === line.nextSibling;
        withFocus(body, () => {
            const away = moved.map(({ name }) => lines.get(name)).filter((line) => !isThere(line));
            away.forEach((line) => line.remove());
            let next = body.firstChild;
            wanted.forEach((line) => {
                if (line === next) next = next.nextSibling;
                else body.insertBefore(line, next);
            });
        });
        rove();
    }

    /* In little space, show a player's label, if there is one. */
    const named = ({ name, hand, ...person }) => [
        ...(labelOf(person) ? [build("span", { class: "unb-wide" }, name), written(labelOf(person), { class: "unb-narrow" })] : [name]),
        ...(hand ? [" ", button("hand up", () => openChat(name), { class: "unb-hand", "aria-label": `hand up: open the chat with ${labelOf(person) || name}`, title: `raised at ${clock(hand)}` })] : []),
    ];

    /* With a mark for those who are connected by something else than a WebSocket. */
    function status({ status: is, by, since, endedAs, paid }) {
        const when = ["offline", "dropped"].includes(is) && since ? ` ${clock(since).slice(0, 5)}` : "";
        const ended = is === "finished" && endedAs && !["done", "still in"].includes(endedAs) ? ` (${endedAs})` : "";
        return [
            build("span", { class: "unb-status", "data-status": is, title: since ? `since ${clock(since)}` : null }, `${STATUSES[is] ?? is}${when}${ended}`),
            ...(by ? [" ", build("span", { class: "unb-by", title: "connected by long polling: WebSockets are blocked there" }, by)] : []),
            ...(paid ? [" ", build("span", { class: "unb-by" }, "paid")] : []),
        ];
    }

    const stay = ({ entered, stuck }) => (entered ? `${span(now() - entered)}${stuck ? " stuck" : ""}` : "");

    /* In little space, the page's cell says what other columns have. */
    const where = ({ page, round, waitsFor }) => [
        page || "–",
        ...(page && round !== "" ? [build("span", { class: "unb-narrow unb-quiet" }, `\u00a0·\u00a0${round}`)] : []),
        ...(waitsFor ? [build("span", { class: "unb-narrow unb-quiet unb-why" }, `waits for ${waitsFor}`)] : []),
    ];

    const CONTENTS = { name: named, label: ({ label }) => [written(label)], page: where, status, entered: (person) => [stay(person)] };

    function cell({ key, wide, by }, person) {
        const words = String(by(person));
        return build("td", { class: wide ? "unb-wide" : null, "data-cell": key, title: ["status", "entered"].includes(key) ? null : words },
            ...(CONTENTS[key]?.(person) ?? [words]));
    }

    function lineOf({ name }) {
        const box = build("input", { type: "checkbox", tabindex: "-1", onclick: (event) => choose(name, box.checked, event.shiftKey) });
        const line = build("tr", { "data-player": name }, ...(steers ? [build("td", {}, box)] : []));
        lines.set(name, line);
        body.append(line);
        return line;
    }

    function show(person) {
        const { name, stuck, status: is } = person;
        const line = lines.get(name) ?? lineOf(person);
        line.dataset.is = is === "error" ? "error" : stuck ? "stuck" : "";
        const box = line.querySelector("input");
        box?.setAttribute("aria-label", `Select ${name}${labelOf(person) ? ` (${labelOf(person)})` : ""}`);
        const cells = columns.map((column) => cell(column, person));
        withFocus(line, () => {
            [...line.children].slice(box ? 1 : 0).forEach((old) => old.remove());    // the checkbox stays: it may be pressed just now
            line.append(...cells);
        });
    }

    function drawAll() {
        columns = wantedColumns();
        heading();
        people.forEach(show);
        place();
        sift();
    }

    function tick() {
        if (!panel.offsetParent || panel.closest(".unb-still")) return;
        people.forEach((person, name) => {
            const place = lines.get(name).querySelector("[data-cell=entered]");
            if (place && person.entered) place.textContent = stay(person);
        });
    }

    /* ---- who is selected ---- */

    const inOrder = () => [...people.values()].filter(({ name }) => chosen.has(name)).sort(byLabel).map(({ name }) => name);
    const hidden = () => [...chosen].filter((name) => lines.get(name).hidden).length;
    const boxes = () => [...body.querySelectorAll("tr:not([hidden]) input")];

    function counted() {
        const words = hidden() ? `, ${hidden()} of them not shown by the search` : "";
        setText(count, chosen.size ? `${chosen.size} selected${words}` : "");
        panel.classList.toggle("unb-chosen", chosen.size > 0);
        tools.querySelectorAll("button").forEach((one) => { one.disabled = chosen.size === 0 || Boolean(panel.closest(".unb-gone")); });
        const shown = [...lines].filter(([, line]) => !line.hidden);
        const many = shown.filter(([name]) => chosen.has(name)).length;
        all.checked = many > 0 && many === shown.length;
        all.indeterminate = many > 0 && many < shown.length;
    }

    function mark(name, is) {
        chosen[is ? "add" : "delete"](name);
        const line = lines.get(name);
        line.querySelector("input").checked = is;
        line.classList.toggle("unb-marked", is);
    }

    /* With the shift key: all from the one chosen before. */
    function choose(name, is, isRange) {
        const shown = [...body.querySelectorAll("tr:not([hidden])")].map((line) => line.dataset.player);
        const [from, to] = [shown.indexOf(last), shown.indexOf(name)].sort((a, b) => a - b);
        const names = isRange && from >= 0 ? shown.slice(from, to + 1) : [name];
        names.forEach((one) => mark(one, is));
        last = name;
        rove(lines.get(name).querySelector("input"));
        counted();
    }

    /* Only one checkbox is a stop of the Tab key; arrow keys lead to the others. */
    function rove(to = null) {
        const reached = boxes();
        const before = reached.find((box) => box.tabIndex === 0);
        const next = to ?? before ?? reached[0];
        body.querySelectorAll("input").forEach((box) => { box.tabIndex = box === next ? 0 : -1; });
        return next;
    }

    function step(event) {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        const reached = boxes();
        const at = reached.indexOf(event.target);
        const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: reached.length - 1 }[event.key];
        if (at < 0 || to === undefined || !reached[to]) return;
        event.preventDefault();
        rove(reached[to]).focus();
        if (event.shiftKey && event.key.startsWith("Arrow")) choose(reached[to].closest("tr").dataset.player, event.target.checked, false);
    }

    function sift() {
        const words = search.value.toLowerCase();
        lines.forEach((line, name) => {
            const isFound = !words || line.textContent.toLowerCase().includes(words);
            line.hidden = !isFound || Boolean(fits && !fits(people.get(name)));
        });
        rove();
    }

    function forget(rows) {
        const known = new Set(rows.map(([name]) => name));
        [...people.keys()].filter((name) => !known.has(name)).forEach((name) => {
            lines.get(name).remove();
            lines.delete(name);
            people.delete(name);
            chosen.delete(name);
        });
    }

    return {
        panel, people, chosen, counted, close: () => clearInterval(ticking),
        pick(names) {
            lines.forEach((_, name) => mark(name, names.includes(name)));
            counted();
        },
        news(message) {
            if (message.everything) forget(message.players);
            const changed = message.players.map(asPerson);
            changed.forEach((person) => people.set(person.name, person));
            if (message.fields) {
                fields = message.fields;
                picked.value = fields.join(", ");
            }
            overview.news(message);
            if (message.fields || wantedColumns().length !== columns.length) drawAll();
            else if (changed.length) {
                changed.forEach(show);
                place(changed);
                sift();
            }
            port.classList.toggle("unb-many", people.size > MANY);
            if (changed.length) counted();
        },
    };
}
