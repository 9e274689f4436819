/* monitor.js: shows a running session to the researcher, with buttons to act on it. An anywidget
 * module made of the files of this folder (see `monitor_module` in uproot_nb/monitor/widget.py); on
 * the monitor's web page they are loaded one by one. The Python side is uproot_nb/monitor/monitor.py. */

import { build, button, quantity } from "./dom.js";
import { chartPanel } from "./chart.js";
import { chatsPanel } from "./chats.js";
import { errorsPanel } from "./errors.js";
import { eventsPanel } from "./events.js";
import { headerPart } from "./header.js";
import { linksPanel } from "./links.js";
import { playersPanel } from "./players.js";
import { presencePanel } from "./presence.js";
import { pulse } from "./pulse.js";
import { labelled, questions } from "./questions.js";
import { requests } from "./requests.js";
import { beamer, roomsPanel } from "./rooms.js";
import { tablePanel } from "./tables.js";
import { tabs } from "./tabs.js";
import { view } from "./view.js";

/* These say since when those who are moved have been on their page: two stewards may press at once. */
const MOVES = new Set(["advance", "revert", "move_to_end", "leave"]);

/* What can be seen and done, by whoever has this role. */
function desk({ role = "steward", actions, exits = [] }, tell, asked, now) {
    const steers = role !== "viewer";
    const knows = (what) => !actions || actions.includes(what);   // an older kernel knows fewer
    const show = (name) => board.open(name);
    const players = playersPanel({ tell, now, steers, knows, act, openChat: (name) => { show("Chats"); chats.open(name); } });
    const { people } = players;
    const question = questions(people);
    const screen = beamer();
    const events = eventsPanel(tell, people);
    const chart = chartPanel(tell, players.chosen);
    const chats = chatsPanel({ does: asked.does, act, people, steers });
    const pick = (names) => { show("Players"); players.pick(names); };
    let gapsAsked = 0;
    const board = tabs({
        Players: players,
        Rooms: roomsPanel({ act, beam: screen.show, steers }),
        Chats: chats,
        Errors: errorsPanel({ people, pick, steers }),
        Events: events,
        Presence: presencePanel(people),
        Chart: chart,
        Funnel: tablePanel("funnel", "Funnel", { asks: asked.asks, counted: (rows) => (rows ? "" : "Nobody has come yet.") }),
        Payments: tablePanel("payments", "Payments", { asks: asked.asks, counted: (rows) => quantity(rows, "player") }),
        ...(steers ? { Links: linksPanel({ people, beam: screen.show }) } : {}),
    });

    /* Ask whether to do an action, with the input that it needs, and do it. */
    function act([what, , words, [label, read, { list, ...attributes } = {}] = []], names, hidden, more = {}) {
        const { input, line } = label ? labelled(label, { ...attributes, list: list?.({ exits }) }) : {};
        const seen = MOVES.has(what) ? { seen: Object.fromEntries(names.map((name) => [name, people.get(name)?.entered || 0])) } : {};
        gapsAsked += 1;
        question.ask(words, names, hidden, line ? [line] : [], () => {
            const given = read ? read(input.value.trim()) : what === "advance" ? { values: question.offered() } : {};
            asked.does(what, names, { ...given, ...seen, ...more });
        });
        if (what === "advance") tell({ op: "unanswered", id: gapsAsked, players: names });
    }

    return {
        board, players, act, steers, knows, panels: [board.panel, question.panel, screen.panel],
        askFor: (words, parts, done) => question.ask(words, [], 0, parts, done),
        close: players.close,
        take: {
            rows: events.rows,
            chart: chart.chart,
            unanswered: ({ id, gaps }) => { if (id === gapsAsked && gaps.length) question.offer(gaps); },
        },
    };
}

const isSave = (event) => (event.ctrlKey || event.metaKey) && event.key === "s";

/* Keep the notebook's shortcuts from acting while the focus is in *root*: Ctrl+Enter would run its cell
 * again, and "d d" delete it. Only saving may. Notebook 7 hears of keys before the focused element
 * does, and heeds the attribute of this one; the window is the only one to hear of them earlier. */
function shield(root) {
    const mark = (event) => root.contains(event.target) && event.target.toggleAttribute("data-lm-suppress-shortcuts", !isSave(event));
    window.addEventListener("keydown", mark, true);
    root.addEventListener("keydown", (event) => isSave(event) || event.stopPropagation());
    return () => window.removeEventListener("keydown", mark, true);
}

function monitor({ model, el }) {
    /* Returns whether the message is on its way. */
    const tell = (message) => {
        try { return model.send(message) !== false; } catch { return false; }    // no kernel
    };
    const header = headerPart();
    const answer = build("div", { class: "unb-bar unb-answer", role: "status", hidden: true });
    const asked = requests(tell, say);
    const mark = model.get("snapshot");
    const inNotebook = Boolean(mark);
    const beat = pulse(tell, (words, isSure) => closed || gone(words, isSure), inNotebook);
    let shown = null, closed = false, ahead = 0;

    function say(words, bad = false) {
        answer.hidden = !words;
        answer.classList.toggle("unb-bad", bad);
        answer.replaceChildren(words);
    }

    function exports(format, anonymous) {
        say("Exporting …");
        asked.asks({ op: "export", format, anonymous }, ({ url, text, error }) => {
            if (url) build("a", { href: url, download: true }).click();
            say(error || text || "Exported: your browser saves the file.", Boolean(error));
        }, null);
    }

    function assemble(message) {
        shown = desk(message, tell, asked, () => Date.now() / 1000 + ahead);
        root.append(...shown.panels);
        if (shown.steers) header.steer({ ...shown, does: asked.does, exports });
    }

    /* A notebook's messages reach the kernel beside the loop that is held up. */
    function held(text) {
        say(text, true);
        if (inNotebook && shown?.steers) answer.append(" ", button("Interrupt", () => asked.does("interrupt", [])));
    }

    function news(message) {
        tell({ op: "ack", n: message.n });
        if (message.now) ahead = message.now - Date.now() / 1000;
        if (!shown) assemble(message);
        if (message.name) root.setAttribute("aria-label", `Session ${message.name}`);
        if (root.classList.contains("unb-still")) still(false, false);
        shown.board.news(message);
        header.news(message, [...shown.players.people.values()]);
    }

    function end() {
        closed = true;
        beat.stop();
        gone("closed: participants see that the session has ended.", true);
    }

    function gone(words, isSure) {
        header.say(words);
        still(true, isSure);
    }

    /* A kernel that may be only busy still takes what is pressed. */
    function still(is, isSure) {
        root.classList.toggle("unb-still", is);
        root.classList.toggle("unb-gone", is && isSure);
        root.querySelectorAll("[role=toolbar] button, header button, dialog button, .unb-chats button, .unb-rooms button[data-action]").forEach((one) => { one.disabled = is && isSure; });
        shown?.players.counted();
    }

    const hide = mark ? build("style", {}, `.${mark} { display: none; }`) : null;
    const root = build("section", { class: "unb mathjax_ignore tex2jax_ignore", "aria-label": "Session" }, hide, header.panel, answer);
    const unshield = shield(root);
    el.append(root);
    const handlers = {
        news, closed: end, held: ({ text }) => held(text),
        done: asked.answered, table: asked.answered, export: asked.answered,
    };
    const take = (message) => {
        if (closed && !message.everything) return;    // a run that is served again sends everything
        closed = false;
        beat.heard();
        (handlers[message.op] ?? shown?.take[message.op])?.(message);
    };
    model.on("msg:custom", take);
    model.on("comm_live_update", beat.cut);
    beat.begin();
    return () => {
        beat.stop();
        unshield();
        shown?.close();
        model.off("msg:custom", take);
        model.off("comm_live_update", beat.cut);
    };
}

export default { render: (window) => (window.model.get("kind") === "view" ? view(window) : monitor(window)) };
