/* header.js: the session at a glance, and what can be done to all of it. */

import { build, button, quantity, setText } from "./dom.js";
import { labelled } from "./questions.js";

const FORMATS = { csv: "CSV", xlsx: "Excel", dta: "Stata", sav: "SPSS", parquet: "Parquet", jsonl: "JSON Lines" };

export function headerPart() {
    const title = build("strong");
    const counts = build("span", { class: "unb-quiet" }, "Connecting …");
    const bad = build("strong", { class: "unb-bad", "aria-live": "polite" });
    const acts = build("span", { class: "unb-acts" });
    const panel = build("header", {}, title, counts, bad, build("span", { class: "unb-grow" }), acts);
    let session = { state: "", frozen: false, name: "" }, pause = null, freeze = null;

    function steer({ act, askFor, does, exports, knows }) {
        pause = button("Pause", () => act(...(session.state === "paused"
            ? [["resume", "Resume", "Let the session go on?"], [], 0]
            : [["pause", "Pause", "Pause the session? Participants see a calm notice."], [], 0])));
        freeze = knows("freeze") && button("Freeze code", () => act(...(session.frozen
            ? [["thaw", "Thaw", "Let cells redefine pages again?"], [], 0]
            : [["freeze", "Freeze", "Refuse from now on that cells redefine pages?"], [], 0])), { role: "switch", "aria-checked": "false" });
        acts.replaceChildren(pause, ...(freeze ? [freeze] : []),
            button("Export…", () => askForExport(askFor, exports)), button("Close…", () => askToClose(askFor, does)));
    }

    function askForExport(askFor, exports) {
        const format = build("select", {}, ...Object.entries(FORMATS).map(([value, name]) => build("option", { value }, name)));
        const anonymous = build("input", { type: "checkbox" });
        askFor("Export the data?", [build("label", {}, "Format ", format), build("label", {}, anonymous, " without what identifies a person")],
            () => exports(format.value, anonymous.checked));
    }

    function askToClose(askFor, does) {
        const { input, line } = labelled(`Type ${session.name} to confirm`, { autocomplete: "off" });
        askFor("Close the run? Participants see that the session has ended.", [line], () => {
            if (input.value.trim() !== session.name) throw new Error(`Type the session's name: ${session.name}.`);
            does("close", [], { confirm: session.name });
        });
    }

    function news(message, everyone) {
        session = { ...session, state: message.state, frozen: Boolean(message.frozen), name: message.name ?? session.name };
        title.textContent = session.name;
        counts.removeAttribute("aria-live");
        const number = (...kinds) => everyone.filter(({ status }) => kinds.includes(status)).length;
        const online = number("online", "waiting", "idle", "error");
        counts.textContent = `${session.state}${session.frozen ? ", code frozen" : ""} · ${quantity(everyone.length, "player")} · ${online} online · ${number("waiting", "idle")} waiting · ${number("finished")} finished · ${quantity(message.total, "event")}`;
        const [failed, hands] = [number("error"), everyone.filter(({ hand }) => hand).length];
        setText(bad, [failed && `${failed} on an error page`, hands && `${hands} with a raised hand`].filter(Boolean).join(" · "));
        if (pause) pause.textContent = session.state === "paused" ? "Resume" : "Pause";
        if (freeze) freeze.setAttribute("aria-checked", String(session.frozen));
    }

    /* A screen reader reads this, and not each of the counts, which change several times a second. */
    function say(words) {
        counts.setAttribute("aria-live", "polite");
        counts.textContent = words;
    }

    return { panel, steer, news, say };
}
