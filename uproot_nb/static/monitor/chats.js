/* chats.js: chats with participants: one line each, which opens to the messages and an input. */

import { build, button, clock, isEnter, setText, withFocus, written } from "./dom.js";
import { called, labelOf } from "./people.js";

export function chatsPanel({ does, act, people, steers }) {
    const none = build("p", { class: "unb-quiet" }, "No messages. run.answer(player, \"…\") begins a chat; the page Chat of the documentation shows more.");
    const list = build("div", { class: "unb-pad unb-chats" }, none);
    const chats = new Map();

    function answering(name) {
        const input = build("input", { maxlength: 2000, placeholder: "Answer" });
        const send = () => {
            if (input.value.trim() && does("answer", [name], { text: input.value })) input.value = "";
        };
        input.addEventListener("keydown", (event) => isEnter(event) && send());
        return build("div", { class: "unb-bar", role: "group" }, input, button("Send", send));
    }

    function begin(name) {
        const lower = button("Lower hand", () => act(["lower_hand", "Lower hand", "Lower the raised hand of {n}?"], [name], 0), { hidden: true });
        const chat = { line: build("summary"), messages: build("ol"), lower, isOpen: false, hand: 0, last: [null, "", "No messages yet."] };
        chat.whole = build("details", { "data-chat": name }, chat.line,
            build("div", { class: "unb-talk", role: "log", tabindex: "0" }, chat.messages),
            ...(steers ? [lower, answering(name)] : []));
        chats.set(name, chat);
        title(name, chat);
        list.append(chat.whole);
        none.hidden = true;
        return chat;
    }

    function title(name, chat) {
        const [time, , words] = chat.last;
        const who = called(people.get(name) ?? { name });
        const names = { "[role=log]": "Messages of", "[role=group]": "Answer to", input: "Answer" };
        Object.entries(names).forEach(([part, is]) => chat.whole.querySelector(part)?.setAttribute("aria-label", `${is} ${who}`));
        const hand = chat.hand ? `hand up since ${clock(chat.hand)}` : "";
        const parts = [hand, written(who), clock(time), words && written(words.slice(0, 80))].filter(Boolean);
        chat.line.replaceChildren(...parts.flatMap((part, at) => (at ? [" · ", part] : [part])));
        chat.line.classList.toggle("unb-open", chat.isOpen || chat.hand > 0);
        chat.lower.hidden = !chat.hand;
    }

    function show(name, messages) {
        const chat = chats.get(name) || begin(name);
        chat.last = messages[messages.length - 1] || chat.last;
        chat.isOpen = chat.last[1] === "player";
        chat.messages.replaceChildren(...messages.map(([when, who, text]) =>
            build("li", { "data-sender": who }, build("span", { class: "unb-quiet" }, `${clock(when)} `, written(who === "player" ? labelOf(people.get(name)) || name : who), " "), written(text))));
        title(name, chat);
        if (messages.length) list.prepend(chat.whole);
        else list.append(chat.whole);
    }

    /* A raised hand opens a chat, and its line comes first. */
    function raise(name) {
        const hand = people.get(name)?.hand || 0;
        if (!hand && !chats.has(name)) return;
        const chat = chats.get(name) || begin(name);
        const isNew = hand && !chat.hand;
        chat.hand = hand;
        title(name, chat);
        if (isNew) list.prepend(chat.whole);
    }

    function clear() {
        chats.clear();
        list.replaceChildren(none);
        none.hidden = false;
    }

    return {
        panel: list,
        open(name) {
            const { whole, line } = chats.get(name) || begin(name);
            whole.open = true;
            (whole.querySelector("input") ?? line).focus();
        },
        news({ chats: changed = [], players, everything }, tab) {
            withFocus(list, () => {
                if (everything && [...chats.keys()].some((name) => !people.has(name))) clear();
                changed.forEach(([name, messages]) => show(name, messages));
                players.forEach(([name]) => raise(name));
            });
            const waiting = [...chats.values()].filter((chat) => chat.isOpen || chat.hand).length;
            setText(tab, waiting ? `Chats (${waiting})` : "Chats");
            tab.classList.toggle("unb-bad", waiting > 0);
        },
    };
}
