/* people.js: what the kernel sends of each player, by name. */

import { build, written } from "./dom.js";

/* In the order of COLUMNS in uproot_nb/monitor/player_rows.py. */
const AT = [
    "name", "label", "page", "round", "status", "since", "values", "link", "id", "by", "entered", "stuck",
    "group", "treatment", "payoff", "endedAs", "paid", "hand", "waitsFor", "trader",
];

const NAMES = /([a-z]+[0-9]+)/;   // as players' names are

export const asPerson = (row) => Object.fromEntries(AT.map((name, at) => [name, row[at] ?? ""]));

/* The label, or what tables of markets call a player without one, as "Buyer 1". */
export const labelOf = (person) => person?.label || person?.trader || "";

/* How a lab manager calls a player. */
export const called = (person) => (labelOf(person) ? `${labelOf(person)} (${person.name})` : person.name);

/* The first ten of them, and how many more. */
export function listed(names, people) {
    const shown = names.slice(0, 10).map((name) => labelOf(people.get(name)) || name);
    return names.length > 10 ? `${shown.join(", ")} and ${names.length - 10} more` : shown.join(", ");
}

/* A text of the log in parts, with the label behind each name, where there is space: "abc12 (Buyer 1)". */
export const glossed = (text, people) => text.split(NAMES).flatMap((part) => {
    const label = labelOf(people.get(part));
    return label ? [part, build("span", { class: "unb-wide" }, " (", written(label), ")")] : part;
}).filter((part) => part !== "");
