/* drafts: what a participant has entered and not sent yet survives a reload, Back, and a crash.
 *
 * It is stored for this tab alone (sessionStorage), under a key that only this player's page knows,
 * and removed once the form is stored, or another player's page is shown in the tab. Passwords,
 * files and stealth fields are never stored; a sandboxed page stores nothing.
 */
(() => {
    "use strict";

    const { boot, build, happenings, memory, text } = uproot.inner;

    const PREFIX = "uproot-draft-";
    const SAVE_AFTER = 250;         // milliseconds
    const MOST_CHARACTERS = 200000; // of a form
    const MOST_AHEAD = 10;          // pages that were left by Back
    const NEVER = /^(password|file|hidden|submit|image|reset|button)$/;
    const SECRET = /\b(cc-[a-z-]+|one-time-code|(new|current)-password)\b/;

    const draft = boot.draft || {};
    const key = draft.key ? PREFIX + draft.key : null;
    const without = new Set(draft.without || []);
    const entered = new Set();      // names of inputs that are stored
    const orphans = [];             // stored answers whose inputs are not on the page now
    const openedAt = Date.now();
    let changedAt = 0;
    let cannotKeep = false;         // whether something was entered that must not be stored
    let timer = null;
    let isOver = false;             // the form is stored, or about to be replaced by another
    let composing = false;
    let focus = null;               // where to go on typing after an exchange
    let waitsToLoad = false;

    const form = () => uproot.I("uproot-form");

    function isNamed(control) {
        return control.form === form() && control.name && !control.name.startsWith("_uproot") && !/^(hidden|submit|image|reset|button)$/.test(control.type);
    }

    function mayKeep(control) {
        return key !== null && isNamed(control) && !NEVER.test(control.type) && !without.has(control.name)
            && control.dataset.draft !== "off" && !SECRET.test(control.autocomplete || "");
    }

    function controls(name) {
        return Array.from(form().elements).filter((control) => control.name === name && mayKeep(control));
    }

    /* ---- Storing ------------------------------------------------------------------------------ */

    function valuesOf(name) {
        return controls(name).flatMap((control) => {
            if (/^(checkbox|radio)$/.test(control.type)) return control.checked ? [control.value] : [];
            if (control.type === "select-multiple") return Array.from(control.selectedOptions, (option) => option.value);
            return "untouched" in control.dataset ? [] : [control.value];
        });
    }

    /* The answers that fit, the short ones first. */
    function fitting() {
        const values = Array.from(entered, (name) => [name, valuesOf(name)]);
        const size = ([name, texts]) => texts.reduce((sum, one) => sum + one.length, name.length);
        let room = MOST_CHARACTERS;
        return values.sort((a, b) => size(a) - size(b)).filter((one) => (room -= size(one)) >= 0);
    }

    function save(more = {}) {
        clearTimeout(timer);
        timer = null;
        if (isOver || entered.size === 0 || !form()) return;
        const { owner } = draft, { page, visit } = boot;
        const kept = { owner, page, visit, at: changedAt || openedAt, values: [...fitting(), ...orphans], focus, ...more };
        memory.store(key, JSON.stringify(kept));
    }

    function note(event) {
        const { target } = event;
        if (!(target instanceof Element) || !("form" in target) || !isNamed(target) || isOver) return;
        if (!mayKeep(target)) cannotKeep = true;
        else entered.add(target.name);
        // An input that loses the focus, as when time is up, fires "change" for what was entered before.
        if (event.type === "input") noteWhen(event);
        timer ??= setTimeout(save, SAVE_AFTER);
    }

    function noteWhen({ restored }) {
        if (!restored) changedAt = Date.now();
        uproot.inner.noteChange(changedAt || Date.now());
    }

    function forget() {
        isOver = true;
        clearTimeout(timer);
        if (key) memory.drop(key);
    }

    /* Back has been pressed: the draft is for when the participant comes here again. */
    function leaveByBack() {
        save({ back: true });
        isOver = true;
    }

    /* ---- Restoring ------------------------------------------------------------------------------ */

    function read(name) {
        try {
            const found = JSON.parse(memory.read(name));
            return found && Array.isArray(found.values) ? found : null;
        } catch {
            return null;
        }
    }

    function restore() {
        const kept = key && form() && read(key);
        if (!kept) return;
        changedAt = changedAt || Number(kept.at) || 0;
        kept.values.forEach(restoreOne);
        if (orphans.length > 0) additions.observe(form(), { childList: true, subtree: true });
        if (kept.focus && typeof kept.focus === "object") focusAgain(kept.focus);
        save();
    }

    /* Inputs that the page's scripts add later, as for "Other, namely", get their answers then:
     * after forms.js has prepared them. */
    const additions = new MutationObserver(() => queueMicrotask(restoreOrphans));

    function restoreOrphans() {
        orphans.splice(0).forEach(restoreOne);
        if (orphans.length === 0) additions.disconnect();
    }

    function restoreOne(one) {
        if (!Array.isArray(one) || !Array.isArray(one[1]) || entered.has(one[0])) return;
        const name = String(one[0]), left = one[1].map(String), there = controls(name);
        if (there.length === 0) {
            orphans.push([name, left]);
            return;
        }
        const changed = there.filter((control) => fill(control, left));
        entered.add(name);
        changed.forEach(announce);
    }

    /* Fills a control in with the values left; returns whether they were meant for it. */
    function fill(control, left) {
        if (/^(checkbox|radio)$/.test(control.type)) {
            control.checked = left.includes(control.value);
            return control.checked || control.type === "checkbox";
        }
        if (control.type === "select-multiple") {
            Array.from(control.options).forEach((option) => { option.selected = left.includes(option.value); });
            return true;
        }
        if (left.length === 0) return false;
        const value = left.shift();
        // The page may have been changed meanwhile, and lack the option.
        if (control.type === "select-one" && !Array.from(control.options).some((option) => option.value === value)) return false;
        control.value = value;
        return true;
    }

    /* As if it had been entered now, so that the page's scripts notice; `restored` tells them. */
    function announce(control) {
        for (const name of ["input", "change"]) control.dispatchEvent(Object.assign(new Event(name, { bubbles: true }), { restored: true }));
    }

    /* ---- Other drafts of this tab ---------------------------------------------------------------- */

    /* Only drafts of this visit stay, and of later pages that this player has left by Back. */
    function tidy() {
        const names = (uproot.inner.attempt(() => Object.keys(sessionStorage), false) || []).filter((name) => name.startsWith(PREFIX));
        const good = names.filter((name) => isWanted(name, read(name)));
        const gone = names.filter((name) => !good.includes(name)).concat(good.filter((name) => name !== key).slice(MOST_AHEAD));
        gone.forEach(giveAway);
    }

    /* What somebody has entered on a page that ended without its form is logged: leftovers.js sends it. */
    function giveAway(name) {
        const kept = read(name);
        memory.drop(name);
        const isOurs = kept !== null && kept.owner === draft.owner && kept.visit !== boot.visit;
        if (isOurs && !kept.back) happenings.dispatchEvent(new CustomEvent("left-over", { detail: kept }));
    }

    function isWanted(name, kept) {
        if (kept === null || kept.owner !== draft.owner) return false;
        if (kept.visit === boot.visit) return true;     // also on the page that says that something has failed
        return kept.back === true && (name === key || kept.page > boot.page);
    }

    /* ---- A new version of the page ---------------------------------------------------------------- */

    function canStore() {
        return memory.store(`${PREFIX}try`, "x") !== null && memory.read(`${PREFIX}try`) === "x";
    }

    /* Shows the corrected page with what was entered; offers it if that would lose something. */
    function exchange() {
        if (composing) {
            waitsToLoad = true;     // A word is being composed, as in Chinese and Japanese.
        } else if (cannotKeep || (entered.size > 0 && !isWhole())) {
            offer();
        } else {
            focus = focused();
            uproot.reload();
        }
    }

    function isWhole() {
        const whole = canStore() && fitting().length === entered.size;
        memory.drop(`${PREFIX}try`);
        return whole;
    }

    function offer() {
        if (uproot.I("uproot-offer")) return;
        const button = build("button", { type: "button", class: "btn btn-sm btn-outline-secondary" }, text("Reload"));
        button.addEventListener("click", () => uproot.reload());
        const words = text("This page has been corrected. Please reload it when you are ready; some of what you have entered will be lost.");
        const region = build("div", { id: "uproot-offer", role: "status" });
        document.body.prepend(region);
        region.append(build("p", {}, words), button);
    }

    /* Where the participant was typing, to go on there. */
    function focused() {
        const control = document.activeElement;
        if (!control || !("form" in control) || !mayKeep(control)) return { scroll: window.scrollY };
        const nth = controls(control.name).indexOf(control);
        const [start, end] = uproot.inner.attempt(() => [control.selectionStart, control.selectionEnd], false) || [];
        return { name: control.name, nth, start, end, scroll: window.scrollY };
    }

    function focusAgain({ name, nth, start, end, scroll }) {
        window.scrollTo(0, Number(scroll) || 0);
        const control = typeof name === "string" && controls(name)[nth];
        if (!control) return;
        control.focus({ preventScroll: true });
        if (typeof start === "number") uproot.inner.attempt(() => control.setSelectionRange(start, end), false);
    }

    /* ---- Setup ---------------------------------------------------------------------------------------- */

    Object.assign(uproot.inner, { exchange, forgetDraft: forget, leaveDraft: leaveByBack });

    if (!draft.owner) return;
    document.addEventListener("input", note);
    document.addEventListener("change", note);
    document.addEventListener("compositionstart", () => { composing = true; });
    document.addEventListener("compositionend", () => {
        composing = false;
        if (waitsToLoad) setTimeout(exchange, 0);       // after the input event with the word
        waitsToLoad = false;
    });
    window.addEventListener("pagehide", () => save());
    document.addEventListener("visibilitychange", () => document.hidden && save());
    // After the page's scripts, so that their handlers run.
    uproot.onStart(() => setTimeout(() => {
        tidy();
        restore();
    }, 0));
})();
