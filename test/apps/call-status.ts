// Asks the control socket whose path it is given for the status, and prints the answer or the error's name.
import { callSupervisor } from "../../src/control/client.js";

try {
  console.log(JSON.stringify(await callSupervisor(process.argv[2]!, "Status", {})));
} catch (error) {
  console.log((error as Error).name, (error as NodeJS.ErrnoException).code);
}
