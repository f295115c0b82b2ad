// A module and a controller as TypeScript would write them with decorators, which Node itself doesn't know.
import "reflect-metadata";
import { setTimeout as sleep } from "node:timers/promises";
import { Body, Controller, Get, HttpCode, Module, Post } from "@nestjs/common";

const greeting = `Hello from generation ${process.env.ZERODOWN_GENERATION}`;

class AppController {
  hello() {
    return greeting;
  }
  async slow() {
    await sleep(500);
    return greeting;
  }
  echo({ text }) {
    return `${greeting}, ${text.length} characters`;
  }
}

export class AppModule {
  onApplicationShutdown() {
    console.log("no request needs the database any more");
  }
}

function decorate(decorator, method) {
  decorator(AppController.prototype, method, Object.getOwnPropertyDescriptor(AppController.prototype, method));
}
decorate(Get(), "hello");
decorate(Get("slow"), "slow");
decorate(Post("echo"), "echo");
// Nest answers 201 to a POST, and the clients here take only 200.
decorate(HttpCode(200), "echo");
Body()(AppController.prototype, "echo", 0);
Controller()(AppController);
Module({ controllers: [AppController] })(AppModule);
