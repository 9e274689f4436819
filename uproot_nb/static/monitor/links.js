/* links.js: the join link and the players' own, for stewards. */

import { build, button, copier, link, naturally, region, written } from "./dom.js";
import { labelOf } from "./people.js";

export function linksPanel({ people, beam }) {
    const join = build("div", { class: "unb-bar" });
    const body = build("tbody");
    const panel = build("div", {}, join, region("Links", { class: "unb-table unb-links" }, build("table", {}, body)));
    return {
        panel,
        look() {
            const all = [...people.values()].sort((a, b) => naturally(a.label, b.label) || a.id - b.id);
            body.replaceChildren(...all.map(({ name, link: url, ...person }) =>
                build("tr", {}, build("td", {}, name), build("td", { title: labelOf(person) }, written(labelOf(person))), build("td", {}, copier(url, "Copy", `Copy the link of ${name}`), " ", link(url, "open")))));
        },
        news({ join: url, qr }) {
            if (!url) return;
            join.replaceChildren(build("img", { class: "unb-qr", src: qr, alt: "QR code of the join link" }),
                build("div", {}, build("p", {}, "Everyone who opens this link gets a place of their own:"), link(url, url), " ",
                    copier(url, "Copy", "Copy the join link"), " ", button("Show on the beamer", () => beam("the session", url, qr))));
        },
    };
}
