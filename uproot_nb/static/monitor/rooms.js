/* rooms.js: rooms, their addresses, who waits in them, and their doors. */

import { build, button, copier, link, naturally, setText, withFocus, written } from "./dom.js";

const SHOWN = 60;   // labels of those who wait

export function roomsPanel({ act, beam, steers }) {
    const list = build("div", { class: "unb-rooms" });
    const none = build("p", { class: "unb-quiet" }, "No rooms. run.room(\"lab\", labels=[…]) in a cell makes one.");
    const panel = build("div", { class: "unb-pad" }, none, list);

    function address({ name, url, qr }) {
        if (!url) return [];
        return [build("div", { class: "unb-bar" }, link(url, url), copier(url, "Copy", `Copy the address of room ${name}`),
            button("Show on the beamer", () => beam(name, url, qr), { "data-beam": name }))];
    }

    function door({ name, open: isOpen }) {
        if (!steers) return [];
        const [what, label, words] = isOpen
            ? ["close_room", "Close", `Close the room ${name}? Newcomers then wait.`]
            : ["open_room", "Open", `Open the room ${name}? Those who wait come in.`];
        return [button(`${label} the room`, () => act([what, label, words], [], 0, { room: name }), { "data-room": name, "data-action": what })];
    }

    function waits({ waiting, labels_waiting: labels = [] }) {
        if (!waiting) return ["Nobody waits."];
        if (!steers) return [`${waiting} ${waiting === 1 ? "waits" : "wait"}.`];    // a label would let a viewer in
        const known = [...labels].sort(naturally);
        const shown = known.slice(0, SHOWN).flatMap((label, at, { length }) => [written(label, { class: "unb-label" }), at < length - 1 ? ", " : " "]);
        const rest = waiting - Math.min(known.length, SHOWN);
        const more = rest > 0 ? `${shown.length ? "and " : ""}${rest} ${known.length > SHOWN ? "more" : "without a label"}` : "";
        return [`${waiting} ${waiting === 1 ? "waits" : "wait"}: `, ...shown, more];
    }

    function card(room) {
        const { name, open: isOpen, admitted, places } = room;
        const came = `${admitted}${places ? ` of ${places}` : ""} came in`;
        return build("section", { class: "unb-room", "aria-label": `Room ${name}` },
            build("div", { class: "unb-bar" }, build("strong", {}, name),
                build("span", { class: "unb-status", "data-status": isOpen ? "online" : "waiting" }, isOpen ? "open" : "closed"),
                build("span", { class: "unb-quiet" }, came), build("span", { class: "unb-grow" }), ...door(room)),
            ...address(room), build("p", {}, ...waits(room)));
    }

    /* The button that had the focus is another one now; its room is the same. */
    function draw(rooms) {
        const focused = list.contains(document.activeElement) ? document.activeElement.dataset : null;
        withFocus(list, () => list.replaceChildren(...rooms.map(card)));
        const [kind, name] = focused?.room ? ["room", focused.room] : ["beam", focused?.beam];
        if (name) list.querySelector(`[data-${kind}="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
    }

    return {
        panel,
        news({ rooms }, tab) {
            if (!rooms) return;
            none.hidden = rooms.length > 0;
            draw(rooms);
            const waiting = rooms.reduce((sum, room) => sum + room.waiting, 0);
            setText(tab, waiting ? `Rooms (${waiting})` : "Rooms");
        },
    };
}

/* An address and its QR code, as large as the screen, for a lab's beamer. */
export function beamer() {
    const face = build("div", { class: "unb-face" });
    const panel = build("dialog", { class: "unb-beamer", "aria-label": "Address on the beamer" }, face);
    let opener = null;
    panel.addEventListener("close", async () => {
        if (document.fullscreenElement) await document.exitFullscreen();
        opener?.focus();
    });
    face.addEventListener("fullscreenchange", () => document.fullscreenElement || panel.close());

    function show(name, url, qr) {
        opener = document.activeElement;
        const away = button("Close", () => panel.close());
        face.replaceChildren(build("img", { src: qr, alt: `QR code of ${url}` }), build("p", {}, url), away);
        panel.setAttribute("aria-label", `The address of ${name}`);
        panel.showModal();
        away.focus();
        face.requestFullscreen?.().catch(() => {});    // refused: it fills the window
    }

    return { panel, show };
}
