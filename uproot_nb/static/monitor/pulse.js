/* pulse.js: whether the kernel is still there. No message says that another program has restarted it,
 * so a silent one is asked. */

import { clock } from "./dom.js";

const QUIET = 5000;   // milliseconds without a message until the kernel is asked for one
const ASKED = 2;   // questions without an answer until the monitor reports it

/* *gone* is called with a sentence and whether nothing can be done any more. */
export function pulse(tell, gone, inNotebook) {
    let asked = 0, next = null, last = Date.now(), unheard = false, missing = false;

    /* Questions are counted and not seconds: a hidden page's clock is slow. */
    function wonder() {
        if (asked >= ASKED && !missing) miss();
        asked += 1;
        tell({ op: "ask" });
        next = setTimeout(wonder, QUIET * Math.min(asked, 4));
    }

    function miss() {
        unheard = missing = true;
        // Reload the page: JupyterLab goes on sending to a subshell of the old kernel.
        const remedy = inNotebook ? " If it stays so, reload this page and run the cells again." : "";
        gone(`no answer since ${clock(last / 1000)}: the kernel is busy, or was restarted. This is what was last known.${remedy}`, false);
    }

    return {
        /* Messages may have been lost meanwhile: load everything again. */
        heard() {
            asked = 0;
            last = Date.now();
            missing = false;
            clearTimeout(next);
            next = setTimeout(wonder, QUIET);
            if (unheard) tell({ op: "ready" });
            unheard = false;
        },
        /* The connection to the kernel was lost or is back: only an answer shows which. */
        cut() {
            missing = true;
            gone(inNotebook ? "no kernel: this is what was last known. Run the notebook's cells again to go on." : "this is what was last known.", true);
            if (!tell({ op: "ready" })) unheard = inNotebook;    // the web page itself says when it is connected
        },
        begin() {
            tell({ op: "ready" });
            next = setTimeout(wonder, QUIET);
        },
        stop: () => clearTimeout(next),
    };
}
