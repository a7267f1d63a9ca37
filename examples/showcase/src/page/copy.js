// Puts the new key on the clipboard. Without scripts the button is not there, and a click into the field
// selects the key.
const key = document.getElementById('key');
const button = document.getElementById('copy');
const said = document.getElementById('copied');

key.addEventListener('focus', () => key.select());
button.hidden = false;
button.addEventListener('click', async () => {
  key.select();
  let copied = true;
  try {
    await navigator.clipboard.writeText(key.value);
  } catch {
    // Old browsers, and those that ask first and were told no.
    copied = document.execCommand('copy');
  }
  said.textContent = copied ? 'Copied.' : 'It is selected: copy it by hand.';
});
