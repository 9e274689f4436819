/* simulate: lets pages fill themselves in, to try an experiment.
 *
 *     uproot.simulate.on("my_app/Offer", (sim) => {
 *         sim.fill("amount", sim.integer(0, 10)).choose("side", "buy").submit();
 *     });
 *
 * A handler runs only in sessions with simulate=True, when its page is ready. Its calls can be
 * chained and run at once. After sim.wait(), sim.waitFor() or sim.invoke(), the rest of the chain
 * runs when that has finished; `await` waits for the whole chain.
 */
(() => {
    "use strict";

    const { boot, memory, namedError, post } = uproot.inner;
    const CHECK_EVERY = 50;          // milliseconds, like all times here
    const PATIENCE = 30000;
    const EAGER_TRIES = 5;
    const LONGEST_REST = 5000;

    const asList = (value) => (Array.isArray(value) ? value : [value]);
    const isChoice = (control) => control.type === "radio" || control.type === "checkbox";
    const after = (delay) => new Promise((resolve) => { setTimeout(resolve, delay); });

    /* Python writes True and False where JavaScript writes true and false. */
    const spellings = (value) => (typeof value === "boolean" ? [String(value), value ? "True" : "False", value ? "1" : "0"] : [String(value)]);
    const means = (control, value) => spellings(value).includes(control.value);

    /* 1 and 0 choose True and False where these are the choices, because they are equal in Python. */
    const TRUTHS = { 1: true, 0: false };
    const meant = (controls, value) => (!controls.some((control) => means(control, value)) && value in TRUTHS ? TRUTHS[value] : value);

    class Simulation {
        constructor() {
            this.page = boot.end ? "End.html" : uproot.currentPage;     // as the framework calls it
            this.pending = null;    // a promise, once the chain has had to wait
        }

        /* ---- the page and its elements ---- */

        /* isPage("my_app/Offer"): a key, a pattern or a function of the key, or a list of these. */
        isPage(key) {
            return Boolean(boot.name || boot.end) && asList(key).some((one) => {
                if (one instanceof RegExp) return one.test(this.page);
                return typeof one === "function" ? Boolean(one(this.page)) : one === this.page || one === boot.name;
            });
        }

        assertPage(key) {
            if (!this.isPage(key)) throw this.problem(`this is not ${key}.`);
            return this;
        }

        css(name) {
            return CSS.escape(name);
        }

        /* An element, given as such, by id or by selector. */
        element(which) {
            const found = which instanceof Element ? which : uproot.I(which) || document.querySelector(which);
            if (!found) throw this.problem(`there is no element '${which}'.`);
            return found;
        }

        /* The inputs with a name, in order. */
        fields(name) {
            const form = uproot.I("uproot-form");
            const all = Array.from(document.querySelectorAll("input, select, textarea"));
            const named = all.filter((control) => control.name === String(name));
            const ours = named.filter((control) => control.form === form);
            const found = ours.length ? ours : named.length ? named : all.filter((control) => control.id === String(name));
            if (found.length === 0) throw this.problem(`there is no field '${name}'.`);
            return found;
        }

        field(name) {
            return this.fields(name)[0];
        }

        value(name) {
            const controls = this.fields(name);
            if (!isChoice(controls[0])) return controls[0].value;
            const values = controls.filter((control) => control.checked).map((control) => control.value);
            return controls.length > 1 && controls[0].type === "checkbox" ? values : values[0] ?? null;
        }

        /* ---- random values ---- */

        integer(from, to) {
            return from + Math.floor(Math.random() * (to - from + 1));
        }

        /* One of the values; without values, a number from 0 to 1. */
        random(values) {
            if (values === undefined) return Math.random();
            const list = Array.from(values);
            if (list.length === 0) throw this.problem("sim.random needs at least one value.");
            return list[this.integer(0, list.length - 1)];
        }

        /* ---- actions of a participant ---- */

        /* fill("name", value) or fill({name: value, …}): for text, numbers, choices and files. */
        fill(name, value) {
            const wanted = name !== null && typeof name === "object" ? Object.entries(name) : [[name, value]];
            return this.step(() => wanted.forEach(([one, content]) => this.put(one, content)));
        }

        choose(name, value) {
            return this.step(() => this.put(name, value));
        }

        select(name, value) {
            return this.choose(name, value);
        }

        check(name, on = true) {
            return this.step(() => this.fields(name).forEach((control) => this.turn(control, on)));
        }

        uncheck(name) {
            return this.check(name, false);
        }

        oneOf(name, values) {
            return this.step(() => this.put(name, this.random(values)));
        }

        /* Answer each group of radio buttons (or those with one name). */
        chooseAnyRadio(name = null) {
            return this.step(() => {
                const radios = Array.from(document.querySelectorAll("input[type=radio]:enabled"));
                const names = new Set(radios.map((radio) => radio.name));
                Array.from(names).filter((one) => name === null || one === name).forEach((one) => {
                    this.turn(this.random(radios.filter((radio) => radio.name === one)), true);
                });
            });
        }

        dispatch(which, ...types) {
            const target = which instanceof EventTarget ? which : this.field(which);
            types.flat().forEach((type) => target.dispatchEvent(new Event(type, { bubbles: true })));
            return this;
        }

        click(which) {
            return this.step(() => this.element(which).click());
        }

        submit() {
            return this.step(() => {
                this.fieldsThatAreWrong().forEach((name) => console.warn(`simulate: on ${this.page}, '${name}' is not filled in as it should be.`));
                post({});           // Without the browser's validation: the server checks the answers.
            });
        }

        goBack() {
            return this.step(() => uproot.goBack());
        }

        /* ---- waiting ---- */

        wait(delay) {
            return this.step(() => after(delay));
        }

        /* Wait until a function returns a true value, or an element exists: waitFor("#result"). */
        waitFor(condition, patience = PATIENCE) {
            const holds = typeof condition === "function" ? condition : () => document.querySelector(condition);
            return this.step(async () => {
                for (let spent = 0; spent <= patience; spent += CHECK_EVERY) {
                    const found = await holds();
                    if (found) return found;
                    await after(CHECK_EVERY);
                }
                throw this.problem(`what sim.waitFor waits for did not come within ${patience} ms.`);
            });
        }

        invoke(method, ...args) {
            return this.step(() => uproot.invoke(method, ...args));
        }

        /* `await sim…` returns the value of the last step. */
        then(resolve, reject) {
            const pending = this.pending || Promise.resolve();
            return pending.then(resolve, reject);
        }

        /* ---- implementation ---- */

        step(action) {
            const outcome = this.pending ? this.pending.then(action) : action();
            if (outcome instanceof Promise) {
                this.pending = outcome;
                outcome.catch(() => {});        // The code that runs the handler reports it.
            }
            return this;
        }

        put(name, value) {
            const controls = this.fields(name);
            const [control] = controls;
            if (isChoice(control)) this.putChoice(name, controls, value);
            else if (control.tagName === "SELECT") this.putOptions(name, control, value);
            else if (control.type === "file") this.putFiles(control, value);
            else this.putText(control, value);
        }

        putChoice(name, controls, value) {
            if (controls.length === 1 && controls[0].type === "checkbox" && typeof value === "boolean") return this.turn(controls[0], value);
            const wanted = asList(value).map((one) => meant(controls, one));
            wanted.forEach((one) => this.insist(name, one, controls.some((control) => means(control, one))));
            if (controls[0].type === "checkbox") return controls.forEach((control) => this.turn(control, wanted.some((one) => means(control, one))));
            return controls.filter((control) => means(control, wanted[0])).slice(0, 1).forEach((control) => this.turn(control, true));
        }

        putOptions(name, control, value) {
            const options = Array.from(control.options), wanted = asList(value).map((one) => meant(options, one));
            wanted.forEach((one) => this.insist(name, one, options.some((option) => means(option, one))));
            options.forEach((option) => { option.selected = wanted.some((one) => means(option, one)); });
            this.dispatch(control, "input", "change");
        }

        putFiles(control, files) {
            const transfer = new DataTransfer();
            asList(files).forEach((file) => transfer.items.add(file));
            control.files = transfer.files;
            this.dispatch(control, "input", "change");
        }

        putText(control, value) {
            control.focus();
            control.value = value === null || value === undefined ? "" : this.written(control, value);
            this.dispatch(control, "input", "change");
        }

        /* Numbers in the page's language, for inputs that participants type into. */
        written(control, value) {
            const sign = typeof value === "number" ? control.dataset.decimalSign : undefined;
            return sign ? String(value).replace(".", sign) : String(value);
        }

        /* A real click, which runs the page's own handlers. */
        turn(control, on) {
            if (control.checked !== on) control.click();
        }

        insist(name, value, isThere) {
            if (!isThere) throw this.problem(`the field '${name}' has no choice '${value}'.`);
        }

        fieldsThatAreWrong() {
            const form = uproot.I("uproot-form");
            return form ? Array.from(form.querySelectorAll(":invalid:not(fieldset)"), (control) => control.name || control.id) : [];
        }

        problem(words) {
            return namedError("SimulationError", `simulate, page ${this.page || "(none)"}: ${words}`);
        }
    }

    /* If the same page returns repeatedly, wait longer each time. */
    function rest() {
        const name = `uproot-simulated-${boot.visit}`;
        const tries = Number(memory.read(name)) || 0;
        memory.store(name, tries + 1);
        return tries < EAGER_TRIES ? 0 : Math.min(LONGEST_REST, 100 * 2 ** (tries - EAGER_TRIES));
    }

    async function run(handler) {
        await after(rest());
        const sim = new Simulation();
        try {
            await handler(sim);
            await sim;
        } catch (error) {
            console.error(error);
        }
    }

    uproot.simulate = Object.assign(new Simulation(), {
        on(key, handler) {
            if (boot.simulate && !boot.end && this.isPage(key)) uproot.onReady(() => run(handler));
            return this;
        },
    });
})();
