(() => {
  "use strict";
  const address = new URL("ws?page=-1&since=0", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const DECIDED = [4425, 4403, 4404];  // it is there now, or it never will be
  const FIRST = 500, LAST = 8000;
  let pause = FIRST;
  const look = () => location.replace(location.href);
  const listen = () => {
    const socket = new WebSocket(address);
    socket.onmessage = (message) => {
      const said = JSON.parse(message.data);
      pause = FIRST;
      if (said.op === "status" && said.state !== "paused") look();
    };
    socket.onclose = ({ code }) => {
      if (DECIDED.includes(code)) return look();
      setTimeout(listen, pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 2, LAST);
      return undefined;
    };
  };
  listen();
})();
