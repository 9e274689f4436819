/* questions.js: asks whether to do something to a session or its players, and for what that needs. */

import { build, button, isEnter } from "./dom.js";
import { labelOf, listed } from "./people.js";

/* JSON, or else plain text. Throws a sentence for the researcher if it is incomplete JSON. */
export function asValue(text) {
    try {
        return JSON.parse(text);
    } catch {
        if (!/^[[{]/.test(text)) return text;
        throw new Error(`${text} begins as JSON does, but is none: close its brackets and quotes.`);
    }
}

function asFields(text) {
    const [name, ...rest] = text.split("=");
    if (!rest.length || !name.trim()) throw new Error("Write a field's name, = and its value, as in cash = 12.");
    return { values: { [name.trim()]: asValue(rest.join("=").trim()) } };
}

function asText(text) {
    if (!text) throw new Error("Write a text.");
    return { text };
}

function asSeconds(text) {
    if (!(Number(text) > 0)) throw new Error("Write a number of seconds, more than 0.");
    return { seconds: Number(text) };
}

function asSize(text) {
    if (text && !(Number.isInteger(Number(text)) && Number(text) > 0)) throw new Error("Write how many are in a group, or nothing.");
    return text ? { size: Number(text) } : {};
}

function asExit(text) {
    if (!text) throw new Error("Write the name of an exit.");
    return { exit: text };
}

/* What can be done to players, by groups: action, button, question, and the input that it needs:
 * its label, what it makes of a text, and the attributes of the input; `list` returns what it suggests. */
export const ACTIONS = {
    Move: [
        ["advance", "Advance", "Put {n} on the next page?"],
        ["revert", "Back", "Put {n} on the page before?"],
        ["reload", "Reload", "Reload the pages of {n}?"],
        ["move_to_end", "To the end", "Move {n} to the end?"],
        ["leave", "Exit…", "End the participation of {n} by an exit?", ["Exit", asExit, { list: ({ exits }) => exits }]],
    ],
    Talk: [
        ["message", "Message…", "Show a message to {n}?", ["Message", asText, { size: 30, maxlength: 2000 }]],
        ["answer", "Write…", "Write to {n}, each in the chat with you?", ["Text", asText, { size: 30, maxlength: 2000 }]],
        ["lower_hand", "Lower hand", "Lower the raised hands of {n}?"],
    ],
    Help: [
        ["extend", "More time…", "Give {n} more time on their page?", ["Seconds", asSeconds, { value: "60", inputmode: "numeric", size: 6 }]],
        ["set", "Set field…", "Set a field of {n}?", ["name = value", asFields, { size: 30 }]],
        ["regroup", "Regroup…", "Put {n} into one new group, or into groups of a size?", ["Size (empty: one group)", asSize, { inputmode: "numeric", size: 6 }]],
        ["mark_dropout", "Dropout", "Mark {n} as dropped out?"],
        ["free", "Free place", "Give the places of {n} to others? What they did stays in the log."],
    ],
    Pay: [
        ["mark_paid", "Mark as paid…", "Mark {n} as paid?", ["Amount (empty: what is due)", (text) => (text ? { amount: text } : {}), { size: 10 }]],
        ["mark_unpaid", "Not paid", "Mark {n} as not paid after all?"],
    ],
};

/* The dialog in which the monitor asks; it is modal, so Escape closes it and the focus goes back. */
export function questions(people) {
    const words = build("p", { id: `unb-${Math.random().toString(36).slice(2)}` });
    const who = build("p", { class: "unb-quiet" });
    const inputs = build("div");
    const gaps = build("div", { class: "unb-gaps", hidden: true });
    const wrong = build("p", { class: "unb-bad", role: "alert" });
    const yes = button("Yes", () => answer());
    const no = button("No", () => panel.close());
    const panel = build("dialog", { class: "unb-ask", role: "alertdialog", "aria-labelledby": words.id },
        words, who, inputs, gaps, wrong, build("div", { class: "unb-bar" }, yes, no));
    let act = () => {};
    panel.addEventListener("keydown", (event) => {
        if (!isEnter(event) || !event.target.matches("input")) return;
        event.preventDefault();
        answer();
    });

    function answer() {
        try {
            act();
        } catch (error) {
            wrong.textContent = error.message;
            inputs.querySelector("input")?.focus();
            return;
        }
        panel.close();
    }

    function ask(question, names, hidden, parts, done) {
        const many = names.length === 1 ? labelOf(people.get(names[0])) || names[0] : `${names.length} players`;
        words.textContent = question.replace("{n}", hidden ? `${many} (${hidden} not shown by the search)` : many);
        who.textContent = names.length > 1 ? listed(names, people) : "";
        inputs.replaceChildren(...parts);
        gaps.hidden = true;
        wrong.textContent = "";
        act = done;
        panel.showModal();
        (inputs.querySelector("input, select") || yes).focus();
    }

    /* Fields without an answer: later pages may fail without one, so offer to set it. */
    function offer(fields) {
        gaps.hidden = false;
        gaps.replaceChildren(
            build("p", {}, "Not answered. The pages after it may fail without; give an answer here, or leave it empty:"),
            ...fields.map(([page, field, value, many]) => build("label", {}, `${page}: ${field} (${many}) `,
                build("input", { "data-field": field, value, size: 12, placeholder: "missing" }))));
    }

    function offered() {
        const filled = [...gaps.querySelectorAll("input")].filter((input) => !gaps.hidden && input.value.trim());
        return Object.fromEntries(filled.map((input) => [input.dataset.field, asValue(input.value.trim())]));
    }

    return { panel, ask, offer, offered };
}

/* An input with its label; with a list of names that it suggests. */
export function labelled(label, { list = null, ...attributes } = {}) {
    const id = `unb-${Math.random().toString(36).slice(2)}`;
    const input = build("input", { ...attributes, list: list && id });
    const names = list && build("datalist", { id }, ...list.map((name) => build("option", { value: name })));
    return { input, line: build("label", {}, `${label} `, input, names) };
}
