/* dom.js: elements, times and copied texts, for all parts of the monitor. Texts are inserted as text only. */

export function build(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => {
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name === "style") element.style.cssText = value;   // the web page's policy forbids the attribute
        else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    });
    element.append(...children.filter((child) => child !== null));
    return element;
}

export const button = (label, onclick, attributes = {}) => build("button", { type: "button", onclick, ...attributes }, label);

/* A number and its noun: "1 player", "1,200 players". */
export const quantity = (number, noun) => `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;

/* What people have written, which may run from right to left beside our own words. */
export const written = (words, attributes = {}) => build("bdi", attributes, words);

/* Change a text if it is another one: a screen reader reads again what is only written again. */
export function setText(place, words) {
    if (place.textContent !== words) place.textContent = words;
}

export const clock = (seconds) => seconds ? new Date(seconds * 1000).toLocaleTimeString([], { hour12: false }) : "";

/* A duration, as in 0:45, 12:04 and 1:02:11. */
export function span(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const two = (number) => String(number).padStart(2, "0");
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/* PC-2 before PC-10, numbers by their value, and what is empty last in both directions. */
export function naturally(a, b, sign = 1) {
    const [one, two] = [a ?? "", b ?? ""];
    if (one === "" || two === "") return (one === "") - (two === "");
    const difference = Number(one) - Number(two);
    return sign * (Number.isNaN(difference) ? collator.compare(String(one), String(two)) : difference);
}

/* Enter that completes a word of an input method is none; Safari says so by its code only. */
export const isEnter = (event) => event.key === "Enter" && !event.isComposing && event.keyCode !== 229;

/* Act on *place*; moving an element takes the focus from what is in it. */
export function withFocus(place, act) {
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    act();
    if (focused !== document.activeElement) focused?.focus({ preventScroll: true });
}

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/* Let arrow keys, Home and End lead through what *all* returns: *reach* is called with the next one. */
export function arrows(place, all, reach, keys = ["ArrowLeft", "ArrowRight"]) {
    place.addEventListener("keydown", (event) => {
        const among = all(), at = among.indexOf(event.target);
        if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
        const to = event.key === "Home" ? 0 : event.key === "End" ? -1 : keys.includes(event.key) ? at + STEPS[event.key] : null;
        if (to === null) return;
        event.preventDefault();
        reach(among[(to + among.length) % among.length]);
    });
}

/* Make the buttons of a toolbar one stop of the Tab key: the one that had the focus last. */
export function oneStop(bar) {
    const all = () => [...bar.querySelectorAll("button")];
    const stop = (at) => all().forEach((one) => { one.tabIndex = one === at ? 0 : -1; });
    bar.addEventListener("focusin", ({ target }) => stop(target));
    arrows(bar, all, (next) => next.focus(), Object.keys(STEPS));
    stop(all()[0]);
    return bar;
}

async function copy(words, pressed) {
    try {
        await navigator.clipboard.writeText(words);
    } catch {    // no permission: the old way
        const area = build("textarea", {}, words);
        pressed.after(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    const before = pressed.textContent;
    pressed.textContent = "Copied";
    setTimeout(() => { pressed.textContent = before; }, 1200);
}

export const copier = (words, label = "Copy", name = null) =>
    button(label, (event) => copy(words, event.currentTarget), { "aria-label": name });

export const link = (url, words) => build("a", { href: url, target: "_blank", rel: "noreferrer" }, words);

/* A scrollable place that a keyboard reaches. */
export const region = (name, attributes, ...children) =>
    build("div", { tabindex: "0", role: "region", "aria-label": name, ...attributes }, ...children);
