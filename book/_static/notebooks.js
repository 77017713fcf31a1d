/* A click on a notebook, or on another file to download, saves it. Opened from the disk, a page can neither read the file nor make the browser
   save it, but it may run the script beside it, which calls saveNotebook with the text. */
function saveNotebook(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll(".btn-download-notebook-button, a.mme-download")) {
    link.download = link.href.split("/").pop();
    link.removeAttribute("target");
    if (location.protocol !== "file:") continue;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const script = document.createElement("script");
      script.src = link.href + ".js";
      document.head.append(script);
    });
  }
});
