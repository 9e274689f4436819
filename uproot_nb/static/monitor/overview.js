/* overview.js: who is where, in a sentence for each page; a sentence chooses whom the table shows. */

import { build, button } from "./dom.js";

const TROUBLES = [
    ["error", "on an error page", (person) => person.status === "error"],
    ["stuck", "on their page for longer than usual", (person) => person.stuck],
    ["hand", "with a raised hand", (person) => person.hand],
    ["offline", "offline", (person) => person.status === "offline"],
    ["dropped", "dropped out", (person) => person.status === "dropped"],
];

export function overviewPart(people, choose) {
    const list = build("ul");
    const panel = build("section", { class: "unb-overview", "aria-label": "Overview by page" }, list);
    let pages = [], chosen = "", shown = "";

    function line(key, words, isBad, fits) {
        const pressed = button(words, () => press(key, fits), {
            "data-overview": key, "aria-pressed": String(key === chosen), class: isBad ? "unb-bad" : null,
            title: key === chosen ? "Show all players again" : "Show only these players",
        });
        return build("li", {}, pressed);
    }

    function press(key, fits) {
        chosen = chosen === key ? "" : key;
        choose(chosen ? fits : null);
        shown = "";
        draw();
        list.querySelector(`[data-overview="${CSS.escape(key)}"]`)?.focus();
    }

    function troubles() {
        const all = [...people.values()];
        return TROUBLES.map(([kind, words, fits]) => [kind, all.filter(fits).length, words, fits])
            .filter(([, many]) => many);
    }

    function draw() {
        const bad = troubles();
        const now = JSON.stringify([pages, bad, chosen]);
        if (now === shown) return;
        shown = now;
        const lines = [
            ...pages.map(({ page, sentence, long }) => line(`page/${page}`, sentence, long > 0, (person) => person.page === page)),
            ...bad.map(([kind, many, words, fits]) => line(kind, `${many} ${words}`, kind !== "offline", fits)),
        ];
        list.replaceChildren(...(lines.length ? lines : [build("li", { class: "unb-quiet" }, "Nobody is on a page.")]));
        if (chosen && !list.querySelector("[aria-pressed=true]")) {    // nobody is left there
            chosen = "";
            choose(null);
        }
    }

    return {
        panel,
        order: (page) => pages.findIndex((line) => line.page === page),
        news({ overview }) {
            pages = overview ?? pages;
            withFocusOn(list, draw);
        },
    };
}

/* Draw a list anew, and give the focus back to the button of the same name. */
function withFocusOn(list, draw) {
    const key = list.contains(document.activeElement) ? document.activeElement.dataset.overview : null;
    draw();
    if (key) list.querySelector(`[data-overview="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
