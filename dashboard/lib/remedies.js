// What to do about each way in which a job can fail.
export const REMEDIES = {
  invalid_workflow: "Open the workflow in ComfyUI, mend what it complains of, and export it again with “Export (API)”.",
  missing_node: "Install the custom node in ComfyUI and restart it, or use another template.",
  missing_model: "Put the model's file into ComfyUI's models folder, then reload the page of templates.",
  node_execution_error: "The message comes from the node itself. Its inputs are in the graph below.",
  out_of_memory: "Choose a smaller size, fewer pictures at once, or a smaller model.",
  backend_lost: "ComfyUI stopped while it worked on this. Its own log tells why.",
  backend_unreachable: "Start ComfyUI, or check its address in the settings.",
  interrupted: "Somebody stopped it inside ComfyUI.",
  timeout: "It ran longer than it may. Give it more time (timeout_seconds), or less to do.",
  deadline_exceeded: "It had to wait for too long. Try again when less is waiting, or with a later deadline.",
  output_missing: "ComfyUI says that it made a file, and does not have it. Look at its output folder and its disk.",
  no_outputs: "Add a node that saves: SaveImage, for example.",
  storage_full: "Make room on the gateway's disk: delete old jobs, or keep them for a shorter time.",
  internal_error: "This is a fault of the gateway. Its log tells more; please report it.",
};
