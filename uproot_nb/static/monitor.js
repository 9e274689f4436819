/* monitor.js: shows a running session to the researcher, with buttons to act on it. An anywidget
 * module; content is inserted as text only. The Python side is uproot_nb/monitor/monitor.py. */

const ROW = 24;
const STYLES = 12;   // kinds of line in a chart
const PATIENCE = 8000;   // milliseconds until a missing answer is reported
const QUIET = 5000;   // milliseconds without a message until the kernel is asked for one
const ASKED = 2;   // questions without an answer until the monitor reports it
const TALLEST = 4e6;   // pixels that every browser can scroll
const ACTIONS = [
    ["advance", "Advance", "Put {n} on the next page?"],
    ["revert", "Back", "Put {n} on the page before?"],
    ["move_to_end", "To the end", "Move {n} to the end?"],
    ["reload", "Reload", "Reload the pages of {n}?"],
    ["message", "Message…", "Show this to {n}:"],
    ["set", "Set field…", "Set for {n} (name = value):"],
    ["mark_dropout", "Dropout", "Mark {n} as dropped out?"],
];

function build(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => {
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    });
    element.append(...children.filter((child) => child !== null));
    return element;
}

const clock = (seconds) => seconds ? new Date(seconds * 1000).toLocaleTimeString([], { hour12: false }) : "";

async function copy(words, button) {
    try {
        await navigator.clipboard.writeText(words);
    } catch {    // no permission: the old way
        const area = build("textarea", {}, words);
        button.after(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1200);
}

const copier = (words, label = "Copy", name = null) =>
    build("button", { type: "button", "aria-label": name, onclick: (event) => copy(words, event.currentTarget) }, label);

/* ---- The players ------------------------------------------------------------------------ */

function playersPanel(tell, ask) {
    const chosen = new Set();
    const lines = new Map();
    const people = new Map();
    let fields = [];
    const all = build("input", { type: "checkbox", "aria-label": "Select all players", onchange: () => {
        const wanted = all.checked;    // the loop below changes it
        people.forEach((_, name) => mark(name, wanted && !lines.get(name).hidden));
        counted();
    } });
    const head = build("tr");
    const body = build("tbody");
    const count = build("span", { class: "unb-quiet", "aria-live": "polite" });
    const search = build("input", { type: "search", placeholder: "Find players", "aria-label": "Find players", oninput: sift });
    const picked = build("input", { placeholder: "Fields: cash, bid", "aria-label": "Fields to show, with commas", onchange: () =>
        tell({ op: "fields", fields: (fields = picked.value.split(",").map((name) => name.trim()).filter(Boolean)) }) && heading() });
    const buttons = ACTIONS.map(([what, label, question]) =>
        build("button", { type: "button", disabled: true, "data-action": what, onclick: () => ask(what, question, [...chosen], hidden()) }, label));
    const panel = build("div", {},
        build("div", { class: "unb-bar" }, search, picked, count),
        build("div", { class: "unb-scroll", tabindex: "0", role: "region", "aria-label": "Players" }, build("table", {}, build("thead", {}, head), body)),
        build("div", { class: "unb-bar", role: "toolbar", "aria-label": "Actions on the selected players" }, ...buttons));

    function heading() {
        const names = ["Player", "Label", "Page", "Round", "Status", "Since"].map((name) =>
            build("th", { scope: "col", class: ["Label", "Since"].includes(name) ? "unb-wide" : null }, name));
        head.replaceChildren(build("th", { scope: "col" }, all), ...names, ...fields.map((name) => build("th", { scope: "col" }, name)));
    }

    const hidden = () => [...chosen].filter((name) => lines.get(name).hidden).length;

    function counted() {
        const words = hidden() ? `, ${hidden()} of them not shown by the search` : "";
        count.textContent = chosen.size ? `${chosen.size} selected${words}` : "";
        buttons.forEach((button) => { button.disabled = chosen.size === 0; });
        const shown = [...lines].filter(([, line]) => !line.hidden);
        const many = shown.filter(([name]) => chosen.has(name)).length;
        all.checked = many > 0 && many === shown.length;
        all.indeterminate = many > 0 && many < shown.length;
    }

    function mark(name, is) {
        chosen[is ? "add" : "delete"](name);
        lines.get(name).querySelector("input").checked = is;
    }

    function choose(name, is) {
        mark(name, is);
        counted();
    }

    function sift() {
        const words = search.value.toLowerCase();
        lines.forEach((line) => { line.hidden = !line.textContent.toLowerCase().includes(words); });
        counted();
    }

    /* In little space, show a player's label, if there is one. */
    const named = (name, label) => (label
        ? [build("span", { class: "unb-wide" }, name), build("span", { class: "unb-narrow" }, label)] : [name]);

    function show(person) {
        const [name, label, page, round, status, since, values] = person;
        let line = lines.get(name);
        if (!line) {
            const box = build("input", { type: "checkbox", "aria-label": `Select ${name}`, onchange: () => choose(name, box.checked) });
            line = build("tr", { "data-player": name }, build("td", {}, box));
            lines.set(name, line);
            body.append(line);
        }
        people.set(name, person);
        const cells = [name, label, page || "–", round ?? "", null, clock(since), ...values].map((words, at) => {
            if (at === 0) return build("td", { title: name }, ...named(name, label));
            if (at === 4) return build("td", {}, build("span", { class: "unb-status", "data-status": status }, status === "error" ? "error page" : status));
            return build("td", { class: [1, 5].includes(at) ? "unb-wide" : null, title: String(words) }, String(words));
        });
        line.replaceChildren(line.firstChild, ...cells);
    }

    heading();
    return {
        panel, people, chosen, counted,
        news(message) {
            if (message.fields) {
                fields = message.fields;
                picked.value = fields.join(", ");
                heading();
            }
            message.players.forEach(show);
            if (search.value) sift();
            else if (message.players.length) counted();
        },
    };
}

/* ---- The events: the browser has only the rows in view -------------------------------------- */

function eventsPanel(tell) {
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
        return [build("td", {}, kind ? build("span", { class: "unb-wide" }, kind) : "", name)];
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
                build("tr", { title: `${cause} ${page} ${actor}\n${value}` }, ...[seq, clock(time), kind, ...named(subject), field, value].map((words) => words instanceof Element ? words : build("td", {}, String(words))))));
            place();
            if (again || (grown && follow.checked && message.a !== last())) { again = false; look(); }
        },
    };
}

/* ---- Errors, presence, chart, links --------------------------------------------------------- */

function errorsPanel(badge) {
    const list = build("div", { class: "unb-scroll", tabindex: "0", role: "log", "aria-label": "Errors", style: "padding:.5rem .7rem" }, build("p", { class: "unb-quiet" }, "No errors."));
    const kinds = new Map();

    /* Equal failures are one line with a count; those of authors' code are separate for each player. */
    function take([, time, subject, page, value, cause = "", count = 1, players = 1]) {
        const { type = "Error", message: words = "", traceback = "", source = "" } = JSON.parse(value) || {};
        const key = JSON.stringify([type, words, traceback, source, page, cause, traceback ? subject : ""]);
        const kind = kinds.get(key) || { count: 0, players: 0, subjects: new Set(), line: build("summary") };
        if (!kinds.has(key)) {
            if (!kinds.size) list.replaceChildren();
            kinds.set(key, kind);
            const details = [traceback || words, source.replace(/^:\d+$/, "")].filter(Boolean).join("\n");
            kind.whole = build("details", { "data-type": type }, kind.line, build("pre", {}, details));
        }
        kind.count += count;
        kind.subjects.add(subject);
        kind.players = Math.max(kind.players, players, kind.subjects.size);
        const who = kind.players > 1 ? `${kind.players} players` : subject;
        const times = kind.count > 1 ? ` · ${kind.count.toLocaleString()} times` : "";
        kind.line.textContent = [clock(time), who, page, `${type}: ${words}${times}`].filter(Boolean).join(" · ");
        list.prepend(kind.whole);
    }

    return {
        panel: list,
        news(message) {
            if (message.everything) { kinds.clear(); list.replaceChildren(build("p", { class: "unb-quiet" }, "No errors.")); }
            message.errors.forEach(take);
            badge.textContent = kinds.size ? `Errors (${kinds.size})` : "Errors";
            badge.classList.toggle("unb-bad", kinds.size > 0);
        },
    };
}

function presencePanel() {
    const stays = new Map();
    const body = build("tbody");
    let from = Infinity;
    const panel = build("div", { class: "unb-scroll", tabindex: "0", role: "region", "aria-label": "Presence" }, build("table", {}, build("thead", {}, build("tr", {}, build("th", { scope: "col" }, "Player"), build("th", { scope: "col" }, "Online"), build("th", { scope: "col", style: "width:70%" }, "Over time"))), body));
    function draw() {
        const now = Date.now() / 1000, span = Math.max(1, now - from);
        const percent = (seconds) => 100 * seconds / span;
        body.replaceChildren(...[...stays].map(([name, list]) => {
            const parts = list.map(([a, b]) => build("span", { style: `left:${percent(a - from)}%;width:${percent((b ?? now) - a)}%`, title: `${clock(a)} – ${b ? clock(b) : "now"}` }));
            const sum = Math.round(list.reduce((all, [a, b]) => all + (b ?? now) - a, 0));
            return build("tr", {}, build("td", {}, name), build("td", {}, `${sum} s`), build("td", {}, build("div", { class: "unb-track" }, ...parts)));
        }));
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

function chartPanel(tell, chosen) {
    const field = build("input", { placeholder: "Fields, such as cash, session.price", "aria-label": "Fields to draw, with commas", onchange: () => tell({ op: "chart", fields: field.value }) });
    const note = build("span", { class: "unb-quiet" });
    const place = build("div", { role: "img", "aria-label": "Chart of fields over time", style: "padding:.3rem" });
    const panel = build("div", {}, build("div", { class: "unb-bar" }, field, note), place);
    const lines = new Map();
    let plot = null, late = null;
    function draw() {
        late = null;
        if (panel.closest("[hidden]")) return;
        plot?.destroy();
        plot = null;
        const names = [...lines].filter(([, line]) => !chosen.size || !line.player || chosen.has(line.player)).map(([name]) => name).slice(0, STYLES);
        note.textContent = names.length ? `${names.length} of ${lines.size} lines` : field.value.trim() ? "No numbers yet." : "";
        if (!names.length) return;
        const times = [...new Set(names.flatMap((name) => lines.get(name).points.map(([time]) => time)))].sort((a, b) => a - b);
        const columns = names.map((name) => {
            const known = new Map(lines.get(name).points);
            let value = null;
            return times.map((time) => (value = known.get(time) ?? value));
        });
        const ink = getComputedStyle(panel).color;
        const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,.25)" }, ticks: { stroke: "rgba(128,128,128,.25)" } };
        plot = new uPlot({
            width: Math.max(280, place.clientWidth - 12), height: 260, axes: [axis, axis],
            // At least a minute, up to the last point: a single point would span years.
            scales: { x: { range: (_, first, last) => {
                const end = Math.min(last, times[times.length - 1]);
                return [Math.min(first, end - 60), end];
            } } },
            series: [{}, ...names.map((name, at) => ({ label: name, stroke: `hsl(${at * 360 / names.length} 65% 45%)`, width: 1.5, paths: uPlot.paths.stepped({ align: 1 }) }))],
        }, [times, ...columns], place);
    }
    return {
        panel, look: draw,
        chart(message) { lines.clear(); field.value = message.fields; draw(); },
        news(message) {
            if (message.everything) { lines.clear(); field.value = message.chart; }
            message.points.forEach(([player, name, time, value]) => (lines.get(name) || lines.set(name, { player, points: [] }).get(name)).points.push([time, value]));
            if ((message.points.length || message.everything) && late === null) late = setTimeout(draw, 500);
        },
    };
}

function linksPanel(people) {
    const join = build("div", { class: "unb-bar" });
    const body = build("tbody");
    const panel = build("div", {}, join, build("div", { class: "unb-scroll", tabindex: "0", role: "region", "aria-label": "Links" }, build("table", {}, body)));
    const link = (url, words) => build("a", { href: url, target: "_blank", rel: "noreferrer" }, words);
    return {
        panel,
        look() {
            body.replaceChildren(...[...people.values()].map(([name, label, , , , , , url]) =>
                build("tr", {}, build("td", {}, name), build("td", {}, label), build("td", {}, copier(url, "Copy", `Copy the link of ${name}`), " ", link(url, "open")))));
        },
        news(message) {
            if (!message.join) return;
            join.replaceChildren(build("img", { class: "unb-qr", src: message.qr, alt: "QR code of the join link" }),
                build("div", {}, build("p", {}, "Everyone who opens this link gets a place of their own:"), link(message.join, message.join), " ", copier(message.join, "Copy", "Copy the join link")));
        },
    };
}

/* ---- Chats with participants: one line each, which opens to the messages and an input ------- */

function chatsPanel(does, people, badge) {
    const none = build("p", { class: "unb-quiet" }, "No messages. run.answer(player, \"…\") begins a chat; the page Chat of the documentation shows more.");
    const list = build("div", { class: "unb-scroll unb-chats", tabindex: "0", role: "region", "aria-label": "Chats" }, none);
    const chats = new Map();

    function begin(name) {
        const input = build("input", { maxlength: 2000, "aria-label": `Answer ${name}`, placeholder: "Answer" });
        const send = () => {
            if (!input.value.trim()) return;
            does("answer", [name], { text: input.value });
            input.value = "";
        };
        input.addEventListener("keydown", (event) => {
            const composing = event.isComposing || event.keyCode === 229;    // Enter completes a word, also in Safari
            if (event.key === "Enter" && !composing) send();
        });
        const chat = { line: build("summary"), messages: build("ol"), isOpen: false };
        chat.whole = build("details", { "data-chat": name }, chat.line,
            build("div", { class: "unb-talk", role: "log", tabindex: "0", "aria-label": `Messages of ${name}` }, chat.messages),
            build("div", { class: "unb-bar", role: "toolbar", "aria-label": `Answer to ${name}` }, input, build("button", { type: "button", onclick: send }, "Send")));
        chats.set(name, chat);
        none.hidden = true;
        return chat;
    }

    function show(name, messages) {
        const chat = chats.get(name) || begin(name);
        const [time, sender, words] = messages[messages.length - 1] || [null, "", "No messages yet."];
        const label = people.get(name)?.[1];
        chat.isOpen = sender === "player";
        chat.line.textContent = [label ? `${name} (${label})` : name, clock(time), words.slice(0, 80)].filter(Boolean).join(" · ");
        chat.line.classList.toggle("unb-open", chat.isOpen);
        chat.messages.replaceChildren(...messages.map(([when, who, text]) =>
            build("li", { "data-sender": who }, build("span", { class: "unb-quiet" }, `${clock(when)} ${who === "player" ? name : who} `), text)));
        if (messages.length) list.prepend(chat.whole);
        else list.append(chat.whole);
    }

    /* Moving an element takes the focus from its input. */
    function withFocus(act) {
        const focused = list.contains(document.activeElement) ? document.activeElement : null;
        act();
        focused?.focus();
    }

    return {
        panel: list,
        news({ chats: changed = [] }) {
            if (changed.length) withFocus(() => changed.forEach(([name, messages]) => show(name, messages)));
            const waiting = [...chats.values()].filter((chat) => chat.isOpen).length;
            badge.textContent = waiting ? `Chats (${waiting})` : "Chats";
        },
    };
}

/* ---- The monitor ------------------------------------------------------------------------------ */

function monitor({ model, el }) {
    const tell = (message) => { model.send(message); return true; };
    const waiting = new Map();
    let number = 0, state = "", closed = false, gaps = null, gapsAsked = 0;
    let asked = 0, next = null, last = Date.now(), unheard = false;
    const title = build("strong");
    const counts = build("span", { class: "unb-quiet", "aria-live": "polite" });
    const bad = build("strong", { class: "unb-bad", "aria-live": "polite" });
    const pause = build("button", { type: "button", onclick: () =>
        ask(state === "paused" ? "resume" : "pause", state === "paused" ? "Let the session go on?" : "Pause the session? Participants see a calm notice.", []) }, "Pause");
    const question = build("div", { class: "unb-bar unb-ask", role: "alertdialog", "aria-label": "Question", hidden: true });
    const answer = build("div", { class: "unb-bar", role: "status", hidden: true });
    const badge = build("button", { type: "button" }, "Errors");
    const unanswered = build("button", { type: "button" }, "Chats");

    function does(what, players, more) {
        const id = number += 1;
        waiting.set(id, what);
        answer.hidden = true;
        tell({ op: "do", id, what, players, ...more });
        setTimeout(() => {
            if (waiting.has(id)) say("No answer from the kernel yet: it is busy, or gone.", true);
        }, PATIENCE);
    }

    function say(words, bad) {
        answer.hidden = false;
        answer.classList.toggle("unb-bad", bad);
        answer.textContent = words;
    }

    function ask(what, words, players, hidden = 0) {
        const back = document.activeElement;
        const input = ["message", "set"].includes(what) ? build("input", { "aria-label": words, size: 30 }) : null;
        gaps = build("div", { class: "unb-gaps", hidden: true });
        gapsAsked += 1;
        if (what === "advance") tell({ op: "unanswered", id: gapsAsked, players });
        const yes = build("button", { type: "button", onclick: () => {
            const more = what === "advance" ? answers() : details(what, input?.value ?? "");
            if (more === null) { input?.focus(); return; }
            away();
            does(what, players, more);
        } }, "Yes");
        const away = () => { question.hidden = true; back?.focus?.(); };
        const no = build("button", { type: "button", onclick: away }, "No");
        const many = players.length === 1 ? players[0] : `${players.length} players`;
        const who = hidden ? `${many} (${hidden} not shown by the search)` : many;
        question.replaceChildren(build("span", {}, words.replace("{n}", who)), ...(input ? [input] : []), yes, no, gaps);
        question.onkeydown = (event) => {
            if (event.key === "Escape") away();
            const composing = event.isComposing || event.keyCode === 229;    // Enter completes a word, also in Safari
            if (event.key === "Enter" && !composing && event.target.matches("input")) yes.click();
            event.stopPropagation();
        };
        question.hidden = false;
        (input || yes).focus();
    }

    /* Fields without an answer: later pages may fail without one, so offer to set it. */
    function offer({ id, gaps: fields }) {
        if (id !== gapsAsked || !fields.length) return;
        gaps.hidden = false;
        gaps.replaceChildren(
            build("p", {}, "Not answered. The pages after it may fail without; give an answer here, or leave it empty:"),
            ...fields.map(([page, field, value, many]) => build("label", {}, `${page}: ${field} (${many}) `,
                build("input", { "data-field": field, value, size: 12, placeholder: "missing" }))));
    }

    function answers() {
        const values = {};
        for (const input of gaps.querySelectorAll("input")) {
            if (!input.value.trim()) continue;
            const value = read(input.value.trim());
            if (value === undefined) return null;
            values[input.dataset.field] = value;
        }
        return { values };
    }

    /* JSON, or else plain text; undefined, with a message, if it is incomplete JSON. */
    function read(text) {
        try {
            return JSON.parse(text);
        } catch {
            if (!/^[[{]/.test(text)) return text;
            say(`${text} begins as JSON does, but is none: close its brackets and quotes.`, true);
            return undefined;
        }
    }

    function details(what, words) {
        if (what === "message") return words.trim() ? { text: words } : null;
        if (what !== "set") return {};
        const [name, ...rest] = words.split("=");
        if (!rest.length || !name.trim()) return null;
        const value = read(rest.join("=").trim());
        return value === undefined ? null : { values: { [name.trim()]: value } };
    }

    const players = playersPanel(tell, ask);
    const events = eventsPanel(tell);
    const panels = [
        ["Players", players], ["Events", events], [badge, errorsPanel(badge)], ["Presence", presencePanel()],
        ["Chart", chartPanel(tell, players.chosen)], ["Links", linksPanel(players.people)],
        [unanswered, chatsPanel(does, players.people, unanswered)],
    ];
    const tabs = panels.map(([name, part], at) => {
        const tab = name instanceof Element ? name : build("button", { type: "button" }, name);
        tab.setAttribute("role", "tab");
        tab.addEventListener("click", () => open(at));
        part.panel.setAttribute("data-panel", String(at));
        return tab;
    });
    const tablist = build("div", { role: "tablist", "aria-label": "What to see" }, ...tabs);
    tablist.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!step) return;
        const at = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
        open(at);
        tabs[at].focus();
    });

    function open(at) {
        tabs.forEach((tab, here) => {
            tab.setAttribute("aria-selected", String(here === at));
            tab.tabIndex = here === at ? 0 : -1;
            panels[here][1].panel.parentElement.hidden = here !== at;
        });
        panels[at][1].look?.();
    }

    function news(message) {
        tell({ op: "ack", n: message.n });
        if (root.classList.contains("unb-still")) { still(false); players.counted(); }
        if (message.name) { title.textContent = message.name; root.setAttribute("aria-label", `Session ${message.name}`); }
        state = message.state;
        panels.forEach(([, part]) => part.news(message));
        const all = [...players.people.values()].map((person) => person[4]);
        const number = (...kinds) => all.filter((status) => kinds.includes(status)).length;
        counts.textContent = `${state} · ${all.length} places · ${number("online", "waiting", "error")} online · ${number("waiting")} waiting · ${number("finished")} finished · ${message.total.toLocaleString()} events`;
        const failed = number("error");
        bad.textContent = failed ? `${failed} on an error page` : "";
        pause.textContent = state === "paused" ? "Resume" : "Pause";
    }

    function done({ id, text, error }) {
        if (waiting.delete(id)) say(error || text, Boolean(error));
    }

    function end() {
        closed = true;
        clearTimeout(next);
        counts.textContent = "closed: participants see that the session has ended.";
        still(true);
    }

    /* The connection to the kernel was lost or is back: only an answer shows which. */
    function cut() {
        if (closed) return;
        counts.textContent = "no kernel: this is what was last known. Run the notebook's cells again to go on.";
        still(true);
        try { tell({ op: "ready" }); } catch { unheard = true; /* no kernel */ }
    }

    /* No message says that another program has restarted the kernel, so ask a silent one.
     * Questions are counted and not seconds: a hidden page's clock is slow. */
    function wonder() {
        if (asked >= ASKED && !root.classList.contains("unb-still")) miss();
        asked += 1;
        try { tell({ op: "ask" }); } catch { /* no kernel */ }
        next = setTimeout(wonder, QUIET * Math.min(asked, 4));
    }

    function miss() {
        unheard = true;
        // Reload the page: JupyterLab goes on sending to a subshell of the old kernel.
        counts.textContent = `no answer since ${clock(last / 1000)}: the kernel is busy, or was restarted. This is what was last known. If it stays so, reload this page and run the cells again.`;
        root.classList.add("unb-still");
    }

    /* Messages may have been lost meanwhile: load everything again. */
    function heard() {
        asked = 0;
        last = Date.now();
        clearTimeout(next);
        next = setTimeout(wonder, QUIET);
        if (unheard) tell({ op: "ready" });
        unheard = false;
    }

    function still(is) {
        root.classList.toggle("unb-still", is);
        root.querySelectorAll("[role=toolbar] button, header button, .unb-ask button").forEach((button) => { button.disabled = is; });
    }

    const hide = build("style", {}, `.${model.get("snapshot")} { display: none; }`);
    const root = build("section", { class: "unb mathjax_ignore tex2jax_ignore", "aria-label": "Session" }, hide,
        build("header", {}, title, counts, bad, build("span", { class: "unb-grow" }), pause), tablist,
        ...panels.map(([, part], at) => build("div", { role: "tabpanel", "aria-label": tabs[at].textContent }, part.panel)), question, answer);
    // The notebook's shortcuts must not act while somebody types here.
    root.addEventListener("keydown", (event) => !event.ctrlKey && !event.metaKey && event.stopPropagation());
    root.dataset.lmSuppressShortcuts = "true";
    el.append(root);
    open(0);
    const take = (message) => {
        if (closed) return;
        heard();
        ({ news, done, unanswered: offer, closed: end, held: ({ text }) => say(text, true), rows: (m) => events.rows(m), chart: (m) => panels[4][1].chart(m) }[message.op])?.(message);
    };
    model.on("msg:custom", take);
    model.on("comm_live_update", cut);
    tell({ op: "ready" });
    next = setTimeout(wonder, QUIET);
    return () => {
        clearTimeout(next);
        model.off("msg:custom", take);
        model.off("comm_live_update", cut);
    };
}

/* ---- The view: participants' pages side by side -------------------------------------------------- */

function view({ model, el }) {
    const root = build("section", { class: "unb unb-frames mathjax_ignore tex2jax_ignore", "aria-label": "Participants' pages" });
    el.append(root);
    const take = ({ op, frames }) => {
        if (op !== "view" || root.firstChild) return;
        root.append(...frames.map(({ name, url }) => {
            const frame = build("iframe", { src: url, title: `The page of ${name}` });
            return build("figure", {}, build("figcaption", { class: "unb-bar" }, name,
                build("button", { type: "button", onclick: () => { frame.src = url; } }, "Reload"), build("a", { href: url, target: "_blank", rel: "noreferrer" }, "open")), frame);
        }));
    };
    model.on("msg:custom", take);
    model.send({ op: "ready" });
    return () => model.off("msg:custom", take);
}

export default { render: (window) => (window.model.get("kind") === "view" ? view(window) : monitor(window)) };
