import { adopt } from "zerodown";

// Otherwise Next ends the process itself, and closes connections that have a request on their way.
process.env.NEXT_MANUAL_SIG_HANDLE = "true";
adopt();
