import { NestFactory } from "@nestjs/core";
import { onStop, serve } from "zerodown";
import { AppModule } from "./app.module.mjs";

const app = await NestFactory.create(AppModule);
await app.init();
const { closed } = await serve(app.getHttpServer(), { listen: 8080 });
// Nest is closed only after the drain: its modules' hooks run when no request needs them any more.
onStop(() => closed.then(() => app.close()));
