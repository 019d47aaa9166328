// Keeps the page's own files, and nothing else: no picture, no prediction, nothing of the interface is ever stored.
// The server is asked first, so that what is kept is never older than what is there.

const SHELF = `fer-shell ${registration.scope}`;

const files = async () => (await fetch("page/shell.json", { cache: "no-store" })).json();
const isShell = (address) => address.href.startsWith(registration.scope) && (address.pathname === new URL(registration.scope).pathname || address.pathname.startsWith(`${new URL(registration.scope).pathname}page/`));

addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const shelf = await caches.open(SHELF);
      await shelf.addAll(await files());
      await skipWaiting();
    })(),
  );
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("message", (event) => {
  if (event.data === "forget") event.waitUntil(caches.delete(SHELF));
});

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || !isShell(new URL(event.request.url))) return;
  event.respondWith(
    (async () => {
      const shelf = (await caches.has(SHELF)) ? await caches.open(SHELF) : null;
      try {
        const response = await fetch(event.request);
        // A page that was open when the shelf was given up asks through this worker until it is closed.
        if (response.ok && shelf !== null) await shelf.put(bare(event.request), response.clone());
        return response;
      } catch (error) {
        const kept = await shelf?.match(bare(event.request));
        if (kept === undefined) throw error;
        return kept;
      }
    })(),
  );
});

// Choices in the address are the page's own: they change none of its files.
const bare = (request) => request.url.split("?")[0];
