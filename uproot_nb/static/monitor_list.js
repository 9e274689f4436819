/* monitor_list.js: looks again for sessions by itself; who reads or tabs through the list is not disturbed. */

const EVERY = 15000;   // milliseconds
const list = document.querySelector("tbody");

async function look() {
    const answer = await fetch(location.href, { redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = answer.ok ? page.querySelector("tbody") : null;
    if (!rows || rows.innerHTML === list.innerHTML) return;
    const focused = document.activeElement.getAttribute("href");
    list.replaceChildren(...rows.children);
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

setInterval(() => look().catch(() => {}), EVERY);    // the server is away, or somebody has to log in again
