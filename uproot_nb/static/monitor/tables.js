/* tables.js: tables that are made on request, such as the funnel and the payments. */

import { build, button, naturally, region, written } from "./dom.js";

export function tablePanel(name, words, { asks, counted }) {
    const note = build("span", { class: "unb-quiet", role: "status" });
    const table = build("table");
    const panel = build("div", {}, build("div", { class: "unb-bar" }, button("Refresh", look), note),
        region(words, { class: "unb-table" }, table));
    let columns = [], rows = [], sorting = { at: -1, down: false };

    function look() {
        note.textContent = "Loading …";
        asks({ op: "table", name }, (answer) => {
            note.textContent = answer.error ?? counted(answer.rows.length);
            ({ columns, rows } = answer.error ? { columns: [], rows: [] } : answer);
            draw();
        });
    }

    function draw() {
        const sign = sorting.down ? -1 : 1;
        const shown = sorting.at < 0 ? rows : [...rows].sort((a, b) => naturally(a[sorting.at], b[sorting.at], sign));
        const heads = columns.map((title, at) => build("th", { scope: "col", "aria-sort": sorting.at === at ? (sorting.down ? "descending" : "ascending") : null },
            button(title.replaceAll("_", " "), () => sortBy(at), { class: "unb-sort", "data-sort": String(at) })));
        const lines = shown.map((row) => build("tr", {}, ...row.map((value) => build("td", { title: String(value ?? "") }, written(String(value ?? ""))))));
        table.replaceChildren(build("thead", {}, build("tr", {}, ...heads)), build("tbody", {}, ...lines));
    }

    function sortBy(at) {
        sorting = sorting.at === at ? { at: sorting.down ? -1 : at, down: !sorting.down } : { at, down: false };
        draw();
        table.querySelector(`[data-sort="${at}"]`)?.focus();
    }

    return { panel, look, news() {} };
}
