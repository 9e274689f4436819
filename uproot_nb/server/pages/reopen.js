(() => {
  "use strict";
  const address = new URL("ws?page=-1&since=0", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let pause = 500;
  const listen = () => {
    const socket = new WebSocket(address);
    socket.onmessage = (message) => {
      const said = JSON.parse(message.data);
      if (said.op === "status" && said.state !== "paused") location.replace(location.href);
    };
    socket.onclose = () => {
      setTimeout(listen, pause);
      pause = Math.min(pause * 2, 15000);
    };
  };
  listen();
})();
