/* view.js: participants' pages side by side. */

import { build } from "./dom.js";

export function view({ model, el }) {
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
