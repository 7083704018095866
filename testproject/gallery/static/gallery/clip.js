// Polls the state of the video's job, and shows the player once there is one.

const player = document.getElementById("player");
const state = document.getElementById("state");
const POLL = 700; // milliseconds

// Screen readers hear of a new state, and not of each percent.
function say() {
  const text = player.querySelector(".waiting")?.textContent.split(",")[0].trim() ?? "Ready to play";
  if (state.textContent !== text) state.textContent = text;
}

async function poll() {
  let answer;
  try {
    const response = await fetch(player.dataset.state, { headers: { Accept: "application/json" } });
    answer = response.ok ? await response.json() : null;
  } catch {
    answer = null; // The server is busy or does not respond: try again.
  }
  if (answer && !document.querySelector("#player video")) {
    player.innerHTML = answer.player;
    say();
  }
  if (!answer || answer.live) setTimeout(poll, POLL);
}

if (player.dataset.live) setTimeout(poll, POLL);
