/* Compile what SymPy, mpmath and python-flint import, by the Python that will run it in the browser, or else every
   reader's browser does it again: node live_compile.mjs FOLDER finds Pyodide and packages.zip in the folder, and leaves
   compiled.zip there. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const python = await loadPyodide();
python.unpackArchive(new Uint8Array(readFileSync(join(folder, "packages.zip"))), "zip", { extractDir: "/packages" });
python.runPython(`
import os, py_compile, sys, zipfile
sys.path.insert(0, "/packages")
sys.dont_write_bytecode = True
import flint, mpmath, sympy
from sympy.polys import matrices

files = {getattr(module, "__file__", None) or "" for module in sys.modules.values()}
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
with zipfile.ZipFile("/compiled.zip", "w") as archive:
    for file in sorted(file for file in files if file.startswith("/packages/") and file.endswith(".py")):
        inside = os.path.relpath(file, "/packages")
        compiled = py_compile.compile(file, dfile="/lib/python3.14/site-packages/" + inside, invalidation_mode=unchecked)
        archive.writestr(zipfile.ZipInfo(os.path.relpath(compiled, "/packages")), open(compiled, "rb").read())
`);
writeFileSync(join(folder, "compiled.zip"), python.FS.readFile("/compiled.zip"));
