/* consent: the button that prints the text; without a script, the browser's own menu does. */
(() => {
    "use strict";

    uproot.onStart(() => {
        document.querySelectorAll("[data-uproot-print]").forEach((button) => {
            button.hidden = false;
            button.addEventListener("click", () => window.print());
        });
    });
})();
