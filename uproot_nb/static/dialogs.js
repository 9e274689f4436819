/* dialogs: uproot.alert, uproot.error and uproot.prompt, one after another.
 *
 * They are <dialog> elements: the browser holds the focus inside, closes them with Escape, and
 * shows them above the page. Unlike the browser's alert(), they block no script.
 */
(() => {
    "use strict";

    const { build, randomWord, text } = uproot.inner;
    const HARMLESS = "B BR CODE EM I LI OL P SMALL STRONG SUB SUP U UL".split(" ");
    let last = Promise.resolve();

    /* Simple markup is shown, everything else as text: no script can run. */
    function simpleMarkup(content) {
        if (content instanceof Node) return content;
        const parsed = new DOMParser().parseFromString(String(content), "text/html").body;
        const copy = (node) => {
            if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
            const known = node.nodeType === Node.ELEMENT_NODE && HARMLESS.includes(node.tagName);
            const target = known ? document.createElement(node.tagName) : document.createDocumentFragment();
            target.append(...Array.from(node.childNodes, copy));
            return target;
        };
        return copy(parsed);
    }

    function ask(kind, title, content, value = null) {
        if (!window.HTMLDialogElement) return askPlainly(content, value);
        const answer = last.then(() => new Promise((resolve) => show(kind, title, content, value, resolve)));
        last = answer;
        return answer;
    }

    /* Safari before 15.4 has no <dialog>. */
    async function askPlainly(content, value) {
        const words = build("div", {}, simpleMarkup(content)).textContent;
        return value === null ? window.alert(words) : window.prompt(words, value);
    }

    function show(kind, title, content, value, resolve) {
        const id = `uproot-dialog-${randomWord()}`;
        const input = value === null ? null : inputFor(`${id}-text`, value);
        const dialog = build("dialog", { class: `uproot-dialog uproot-${kind}`, "aria-modal": "true", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
            build("form", { method: "dialog", novalidate: "" },
                build("h2", { id: `${id}-title`, class: "uproot-dialog-title" }, title),
                build("div", { id: `${id}-text`, class: "uproot-dialog-text" }, simpleMarkup(content)),
                ...(input ? [input] : []),
                build("div", { class: "uproot-dialog-buttons" }, ...buttonsFor(input))));
        dialog.addEventListener("close", () => {
            dialog.remove();
            if (!input) resolve();
            else resolve(dialog.returnValue === "ok" ? input.value : null);
        }, { once: true });
        document.body.append(dialog);
        dialog.showModal();
    }

    function inputFor(label, value) {
        const input = build("input", { class: "form-control", autocomplete: "off", autofocus: "", "aria-labelledby": label });
        input.value = value;
        return input;
    }

    /* Enter in the input presses the first button of the form, so OK comes first. */
    function buttonsFor(input) {
        const ok = build("button", { type: "submit", value: "ok", class: "btn btn-primary" }, text("OK"));
        if (!input) return [ok];
        return [ok, build("button", { type: "submit", value: "cancel", class: "btn btn-outline-secondary" }, text("Cancel"))];
    }

    const plain = (words) => document.createTextNode(String(words));

    Object.assign(uproot, {
        /* These take text or simple markup; the promise resolves when the dialog is closed. */
        alert: (content) => ask("alert", text("Message"), content),
        error: (content) => ask("error", text("There is a problem"), content),
        prompt: (content, value = "") => ask("prompt", text("Message"), content, value),
    });

    if (!window.HTMLDialogElement) return;      // The fallback above needs the browser's own alert.
    // The browser's own dialogs block everything, also pushes, until they are closed.
    window.alert = (words) => uproot.alert(plain(words));
    window.prompt = (words = "", value = "") => uproot.prompt(plain(words), value);
})();
