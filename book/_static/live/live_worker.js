/* The worker's part of "Run this page": Python, apart from the page, so that nothing there waits for it. */
const SITE = "/lib/python3.14/site-packages";
let python, session;
const tell = (kind, told) => postMessage({ kind, ...told });

async function start(base) {
  const began = performance.now();
  tell("loading", { text: "Python" });
  const archives = ["packages.zip", "mme.zip"].map(async (name) => {
    const answer = await fetch(base + name);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer.arrayBuffer();
  });
  const { loadPyodide } = await import(base + "pyodide.mjs");
  python = await loadPyodide({ indexURL: base, env: { PYTHONDONTWRITEBYTECODE: "1", HOME: "/home" } });
  tell("loading", { text: "SymPy, mpmath, python-flint and the book's modules" });
  for (const archive of await Promise.all(archives)) python.unpackArchive(archive, "zip", { extractDir: SITE });
  session = python.pyimport("page_session").PageSession((kind, text) => tell(kind, { text }));
  done("ready", began);
}

function done(kind, began, told) {
  tell(kind, { seconds: (performance.now() - began) / 1000, memory: python._module.HEAPU8.length, ...told });
}

onmessage = async ({ data }) => {
  try {
    if (data.base) return await start(data.base);
    const began = performance.now();
    const { source, tests } = data;
    done("done", began, { outcome: tests === undefined ? session.run(source) : session.check(source, tests) });
  } catch (error) {
    tell("fatal", { text: String(error).trim().split("\n").pop() });
  }
};
