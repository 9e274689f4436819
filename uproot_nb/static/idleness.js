/* idleness.js: whether somebody is still there on a wait page, the way out, and who is called back.
 *
 * The server keeps the time and decides. This script reports when the page was touched, shows the
 * question that the server asks, and makes itself heard when the wait is over in a hidden tab.
 */
(() => {
    "use strict";

    const { attempt, boot, build, callBack, condition, happenings, link, memory, randomWord, report, text } = uproot.inner;

    const TOUCHES = "keydown pointerdown pointermove scroll touchstart wheel".split(" ");
    const LEAST_PAUSE = 1000;           // milliseconds, like all times below
    const LONGEST_CHIME = 1000;
    const LONGEST_TIMER = 2 ** 31 - 1;
    const LEAVING = "uproot-leaving";   // in the tab's memory: the visit that its participant ends
    const I = uproot.I;

    let now = boot.waiting || {};

    /* ---- Touches -------------------------------------------------------------------------- */

    /* A few reports in the time after which the server asks; the last one says how long ago it was. */
    const touches = {
        at: 0,
        reportedAt: -Infinity,
        pointer: null,
        timer: null,

        /* Browsers send pointermove also when the page changes under a pointer that rests. */
        notice(event) {
            if (event.type !== "pointermove") return touches.note();
            const before = touches.pointer, place = `${event.screenX},${event.screenY}`;
            touches.pointer = place;
            if (before !== null && before !== place) touches.note();
        },

        note() {
            if (!now.idle_after || document.hidden) return;
            touches.at = Date.now();
            if (touches.timer !== null) return;
            const pause = Math.max(LEAST_PAUSE, now.idle_after * 250);
            touches.timer = setTimeout(touches.report, Math.max(0, touches.reportedAt + pause - Date.now()));
        },

        report() {
            touches.timer = null;
            const ago = Math.max(0, Date.now() - touches.at) / 1000;
            if (report("wait", { what: "touched", ago })) touches.reportedAt = Date.now();
        },

        /* What could not be sent without a connection. */
        catchUp() {
            if (touches.at && touches.at > touches.reportedAt && touches.timer === null) touches.report();
        },
    };

    /* ---- The question --------------------------------------------------------------------- */

    function openDialog(title, words, ...buttons) {
        const id = `uproot-dialog-${randomWord()}`;
        const dialog = build("dialog", { class: "uproot-dialog", role: "alertdialog", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
            build("form", { method: "dialog", novalidate: "" },
                build("h2", { id: `${id}-title`, class: "uproot-dialog-title" }, title),
                build("p", { id: `${id}-text`, class: "uproot-dialog-text" }, words),
                build("div", { class: "uproot-dialog-buttons" }, ...buttons)));
        document.body.append(dialog);
        if (dialog.showModal) dialog.showModal();
        else dialog.setAttribute("open", "");       // Safari before 15.4
        return dialog;
    }

    const question = {
        dialog: null,
        timer: null,
        isAnswered: false,          // but the server has not confirmed it

        show() {
            if (!now.idle) {
                question.close();
                question.isAnswered = false;
            } else if (!question.isAnswered) question.ask();
        },

        ask() {
            if (!question.dialog) {
                const yes = build("button", { type: "button", class: "btn btn-primary", autofocus: "" }, text("Yes, I am here"));
                yes.addEventListener("click", question.answer);
                question.dialog = openDialog(text("Are you still there?"), "", yes);
                question.dialog.addEventListener("cancel", question.answer);    // Escape is an answer, too.
                call(text("Are you still there?"));
            }
            question.count(now.idle === "asked" ? Math.round(now.idle_answer) : 0);
        },

        count(seconds) {
            clearTimeout(question.timer);
            const words = question.dialog.querySelector(".uproot-dialog-text");
            words.textContent = seconds > 0 ? text("Please answer within {seconds} seconds.", { seconds }) : text("You will not be put into a group until you answer.");
            if (seconds > 0) question.timer = setTimeout(() => question.count(seconds - 1), 1000);
        },

        answer() {
            question.isAnswered = true;
            question.close();
            question.send();
            link.hurry();           // The time to answer is short, and a dead socket may look open.
            screen.hold();
        },

        send() {
            if (question.isAnswered) report("wait", { what: "here" });
        },

        close() {
            clearTimeout(question.timer);
            if (question.dialog) question.dialog.remove();
            question.dialog = null;
        },
    };

    /* ---- The way out ---------------------------------------------------------------------- */

    /* The server ends the wait. Until it has, the press is stored, also over a reload, and sent again
     * with each connection. */
    const exit = {
        timer: null,
        isPressed: false,

        begin() {
            exit.isPressed = memory.read(LEAVING) === boot.visit;
            exit.explain();
        },

        show() {
            clearTimeout(exit.timer);
            const offer = I("uproot-leave");
            if (!offer) return;
            const left = typeof now.leave_in === "number" ? now.leave_in * 1000 : Infinity;
            offer.hidden = left > 0;
            if (left > 0 && left < LONGEST_TIMER) exit.timer = setTimeout(exit.open, left);
        },

        /* A press that the server found too early counts now. */
        open() {
            I("uproot-leave").hidden = false;
            exit.send();
        },

        ask() {
            const leave = build("button", { type: "submit", class: "btn btn-outline-danger" }, text("Leave the study"));
            const stay = build("button", { type: "submit", class: "btn btn-primary", autofocus: "" }, text("Go on waiting"));
            const dialog = openDialog(text("Do you want to leave the study?"), text("You cannot come back afterwards."), stay, leave);
            leave.addEventListener("click", exit.leave);
            stay.addEventListener("click", exit.stay);
            dialog.addEventListener("close", () => dialog.remove());
        },

        leave() {
            exit.isPressed = true;
            memory.store(LEAVING, boot.visit);
            exit.send();
            link.hurry();           // A dead socket may look open.
            exit.explain();
        },

        stay() {
            exit.isPressed = false;
            memory.drop(LEAVING);
            exit.explain();
        },

        send() {
            if (exit.isPressed) report("wait", { what: "left" });
        },

        /* Says why nothing happens yet. */
        explain() {
            const box = I("uproot-leaving"), words = exit.isPressed ? exit.words() : "";
            if (!box || box.textContent === words) return;
            box.textContent = words;
            if (words) box.scrollIntoView({ block: "nearest" });     // on a phone it is below the window
        },

        words() {
            if (!link.isOpen || navigator.onLine === false) return text("You will leave the study as soon as the connection is back.");
            return condition.state === "paused" ? text("You will leave the study as soon as it continues.") : "";
        },
    };

    /* ---- Being heard ---------------------------------------------------------------------- */

    /* Browsers let a page sound only after a press, on this page or an earlier one of the site. */
    const sound = {
        audio: null,
        isOn: false,

        begin() {
            if (memory.read("uproot-alert") !== "no") sound.open();
            sound.turn(memory.read("uproot-alert") !== "no" && !!sound.audio && sound.audio.state === "running");
        },

        open() {
            const Audio = window.AudioContext || window.webkitAudioContext;
            if (Audio && !sound.audio) sound.audio = attempt(() => new Audio(), false) || null;
        },

        turn(isOn) {
            sound.isOn = isOn;
            if (I("uproot-alert")) I("uproot-alert").setAttribute("aria-pressed", String(isOn));
        },

        async press() {
            const isOn = !sound.isOn;
            sound.turn(isOn);
            memory.store("uproot-alert", isOn ? "yes" : "no");
            if (!isOn) return;
            sound.open();
            if (sound.audio) await sound.audio.resume().catch(() => {});
            sound.chime();          // as a sample
            if (window.Notification && Notification.permission === "default") await attempt(() => Notification.requestPermission(), false);
        },

        /* Two soft tones; resolves when they are over. */
        chime() {
            if (!sound.isOn || !sound.audio || sound.audio.state !== "running") return Promise.resolve();
            return new Promise((resolve) => {
                attempt(() => [660, 880].forEach((pitch, number) => sound.tone(pitch, number * 0.18).addEventListener("ended", number ? resolve : () => {})), false);
                setTimeout(resolve, LONGEST_CHIME);
            });
        },

        tone(pitch, after) {
            const { audio } = sound, start = audio.currentTime + after;
            const tone = audio.createOscillator(), volume = audio.createGain();
            tone.frequency.value = pitch;
            volume.gain.setValueAtTime(0, start);
            volume.gain.linearRampToValueAtTime(0.2, start + 0.02);
            volume.gain.exponentialRampToValueAtTime(0.001, start + 0.4);
            tone.connect(volume).connect(audio.destination);
            tone.start(start);
            tone.stop(start + 0.42);
            return tone;
        },
    };

    function call(words) {
        if (!document.hidden) return;
        callBack(words);
        sound.chime();
    }

    /* The tone comes from this page: the next one may not sound without a press. */
    function sayGoodBye(event) {
        if (!document.hidden || !sound.isOn) return;
        event.preventDefault();
        sound.chime().then(event.detail.go);
    }

    /* ---- The screen of a phone ------------------------------------------------------------ */

    const screen = {
        lock: null,

        async hold() {
            const isWanted = () => !document.hidden && (!now.idle || question.isAnswered);
            if (!navigator.wakeLock || !matchMedia("(pointer: coarse)").matches || !isWanted()) return;
            if (screen.lock && !screen.lock.released) return;
            try {
                screen.lock = await navigator.wakeLock.request("screen");
            } catch {
                return;             // The battery is low, or the device does not allow it.
            }
            if (!isWanted()) screen.release();
        },

        release() {
            if (screen.lock) screen.lock.release().catch(() => {});
            screen.lock = null;
        },
    };

    /* ---- All together --------------------------------------------------------------------- */

    function show(data) {
        if (!data || typeof data !== "object") return;
        now = { ...now, ...data };
        question.show();
        exit.show();
        if (now.idle && !question.isAnswered) screen.release();
        else screen.hold();
    }

    function comeBack() {
        touches.note();
        screen.hold();
    }

    uproot.onCustomEvent("_uproot_idle", ({ detail }) => show(detail.data));
    uproot.onStart(() => {
        if (I("uproot-leave-button")) I("uproot-leave-button").addEventListener("click", exit.ask);
        if (I("uproot-alert")) I("uproot-alert").addEventListener("click", sound.press);
        sound.begin();
        exit.begin();
        show({});
    });
    happenings.addEventListener("going", sayGoodBye);
    for (const name of ["ready", "reconnect", "state"]) {
        happenings.addEventListener(name, () => {
            question.send();
            exit.send();
            exit.explain();
            touches.catchUp();
        });
    }
    happenings.addEventListener("disconnect", exit.explain);
    ["online", "offline"].forEach((name) => window.addEventListener(name, exit.explain));
    TOUCHES.forEach((name) => window.addEventListener(name, touches.notice, { passive: true, capture: true }));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && comeBack());
})();
