/* requests.js: what the monitor asks of the kernel, and who waits for which answer. */

const PATIENCE = 8000;   // milliseconds until a missing answer is reported

export function requests(tell, say) {
    const waiting = new Map();
    let number = 0;

    /* Send a message with a number of its own; *take* gets the answer with the same number. What is
     * known to take long has no *patience*. Returns whether it could be sent. */
    function asks(message, take, patience = PATIENCE) {
        const id = number += 1;
        if (!tell({ ...message, id })) {
            say("Not sent: there is no connection. Do it again when it is back.", true);
            return false;
        }
        waiting.set(id, take);
        if (patience) setTimeout(() => {
            if (waiting.has(id)) say("No answer from the kernel yet: it is busy, or gone.", true);
        }, patience);
        return true;
    }

    return {
        asks,
        does(what, players, more = {}) {
            say("");
            const whom = players.length ? { players } : {};
            return asks({ op: "do", what, ...whom, ...more }, ({ text, error }) => say(error || text, Boolean(error)));
        },
        answered(message) {
            const take = waiting.get(message.id);
            waiting.delete(message.id);
            take?.(message);
        },
    };
}
