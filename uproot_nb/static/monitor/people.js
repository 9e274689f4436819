/* people.js: what the kernel sends of each player, by name. */

/* In the order of COLUMNS in uproot_nb/monitor/player_rows.py. */
const AT = [
    "name", "label", "page", "round", "status", "since", "values", "link", "id", "by", "entered", "stuck",
    "group", "treatment", "payoff", "endedAs", "paid", "hand", "waitsFor",
];

export const asPerson = (row) => Object.fromEntries(AT.map((name, at) => [name, row[at] ?? ""]));

/* How a lab manager calls a player. */
export const called = ({ name, label }) => (label ? `${label} (${name})` : name);

/* The first ten of them, and how many more. */
export function listed(names, people) {
    const shown = names.slice(0, 10).map((name) => people.get(name)?.label || name);
    return names.length > 10 ? `${shown.join(", ")} and ${names.length - 10} more` : shown.join(", ");
}
