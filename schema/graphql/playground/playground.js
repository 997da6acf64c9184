// The playground's own part: the key from the address, the example tabs, and their storage.
// A key is stored in this browser tab's sessionStorage and nowhere else: localStorage never holds a header.
"use strict";

const PREFIX = "tessera-playground:";

// ---- the key

const storedKey = () => sessionStorage.getItem(PREFIX + "key") ?? "";
const headersWith = (key) => ({ Authorization: `Bearer ${key}` });
const keyIn = (text) => /Bearer\s+([^\s"]+)/.exec(text)?.[1];

function rememberKey(key) {
  if (key) sessionStorage.setItem(PREFIX + "key", key);
  document.getElementById("hint").hidden = Boolean(storedKey());
}

// The key in `#key=…`, removed from the address: no bookmark, copied address or screenshot shall contain it.
function takeKey() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key !== null) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

// ---- what GraphiQL stores

const storedNames = () => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
const withoutHeaders = (json) =>
  JSON.stringify(JSON.parse(json), (name, value) => (name === "headers" ? null : value));

// localStorage under a prefix, since another GraphiQL may have been at this address, and without headers:
// GraphiQL's history keeps them even with shouldPersistHeaders off.
const storage = {
  getItem: (name) => localStorage.getItem(PREFIX + name),
  setItem(name, text) {
    const holdsHeaders = /^graphiql:(tabState|queries|favorites)$/.test(name);
    localStorage.setItem(PREFIX + name, holdsHeaders ? withoutHeaders(text) : text);
  },
  removeItem: (name) => localStorage.removeItem(PREFIX + name),
  clear: () => storedNames().forEach((name) => localStorage.removeItem(name)),
  get length() {
    return storedNames().length;
  },
};

// ---- the tabs

const examples = () => JSON.parse(document.getElementById("tabs").textContent);

// `headers` stay null: GraphiQL shows `defaultHeaders` in such a tab, with whichever key it is today.
const tabOf = ({ name, query, variables }) => ({
  id: Math.random().toString(36).slice(2),
  title: name,
  operationName: name,
  query,
  variables,
  headers: null,
  response: null,
});

function storedState() {
  try {
    const state = JSON.parse(storage.getItem("graphiql:tabState"));
    return state.tabs.length ? state : null;
  } catch {
    return null;
  }
}

// A visit with a key gets the examples unchanged, in front of the tabs that the visitor wrote.
function stateWithExamples(stored) {
  const queries = examples().map(({ query }) => query);
  const own = (stored?.tabs ?? []).filter(({ query }) => !queries.includes(query));
  return { tabs: [...examples().map(tabOf), ...own], activeTabIndex: 0 };
}

// Stores the tabs where GraphiQL reads them. It opens the tab whose query and variables are the stored
// ones, and adds one if there is none such: hence all three.
function storeTabs(isFresh) {
  const stored = storedState();
  const state = isFresh || !stored ? stateWithExamples(stored) : stored;
  const { query, variables } = state.tabs[state.activeTabIndex] ?? state.tabs[0];
  storage.setItem("graphiql:tabState", JSON.stringify(state));
  storage.setItem("graphiql:query", query ?? "");
  storage.setItem("graphiql:variables", variables ?? "");
}

// ---- the page

// Headers without Authorization are sent with this tab's key: GraphiQL requests the schema before its headers
// editor is there, and its history empties that editor. An Authorization without a key is not sent at all.
function outgoingHeaders(headers) {
  const isAuthorization = ([name]) => name.toLowerCase() === "authorization";
  const isStub = ([, value]) => /^\s*(Bearer)?\s*$/i.test(value);
  const entries = Object.entries(headers ?? {});
  const all = entries.some(isAuthorization) ? entries : [...entries, ...Object.entries(headersWith(storedKey()))];
  return Object.fromEntries(all.filter((header) => !(isAuthorization(header) && isStub(header))));
}

// For a moment after a change of tab GraphiQL still names the operation of the tab before.
const withOperationName = (params) =>
  params.query.includes(params.operationName) ? params : { ...params, operationName: undefined };

function makeFetcher() {
  const send = GraphiQL.createFetcher({ url: location.pathname });
  return (params, options) => send(withOperationName(params), { ...options, headers: outgoingHeaders(options?.headers) });
}

function Playground({ fetcher }) {
  const [key, setKey] = React.useState(storedKey);
  React.useEffect(() => rememberKey(key), [key]);
  const settings = {
    fetcher,
    storage,
    defaultHeaders: JSON.stringify(headersWith(key), null, 2),
    onEditHeaders: (text) => setKey((before) => keyIn(text) ?? before),
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: "headers",
  };
  return React.createElement(GraphiQL, settings, React.createElement(GraphiQL.Logo, null, "Tessera"));
}

function showMissing() {
  document.getElementById("missing").hidden = false;
  document.getElementById("address").textContent = location.origin + location.pathname;
}

function open() {
  const key = takeKey();
  if (!window.React || !window.ReactDOM || !window.GraphiQL) return showMissing();
  rememberKey(key);
  storeTabs(Boolean(key));
  const root = ReactDOM.createRoot(document.getElementById("playground"));
  root.render(React.createElement(Playground, { fetcher: makeFetcher() }));
}

// The printed address pasted over an open playground changes only the fragment: the browser does not reload.
window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) location.reload();
});
open();
