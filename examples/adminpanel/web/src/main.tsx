import { createRoot } from "react-dom/client";
import { SessionProvider } from "@nguard/browser/react";
import { App } from "./app";
import { store } from "./store";
import { rememberedTheme } from "./theme";
import "./style.css";

rememberedTheme();
createRoot(document.getElementById("root")!).render(
  <SessionProvider store={store}>
    <App />
  </SessionProvider>,
);
