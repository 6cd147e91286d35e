"use strict";
// Errors are written where a test, or a person who wonders, finds them.
(() => {
  const errors = [];
  const note = (text) => {
    errors.push(String(text));
    document.body.dataset.errors = JSON.stringify(errors);
  };
  window.addEventListener("error", (event) => note(event.message));
  window.addEventListener("unhandledrejection", (event) => note(event.reason));
  document.addEventListener("securitypolicyviolation", (event) => note(`blocked: ${event.violatedDirective}`));
  window.noteError = note;
})();
