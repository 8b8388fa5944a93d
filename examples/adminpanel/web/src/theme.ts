import { useEffect } from "react";
import { useSession } from "@nguard/browser/react";

const name = "nguard-panel-theme";
const root = document.documentElement;

/** Before the server has answered, the page looks as it did last: what is kept is the word light or dark alone. */
export const rememberedTheme = () => {
  const last = localStorage.getItem(name);
  if (last) root.dataset.theme = last;
};

/** The page in the theme of the session; without one the system decides. */
export const useTheme = () => {
  const status = useSession((state) => state.status);
  const theme = useSession((state) => state.session?.data.theme);
  useEffect(() => {
    if (status === "loading") return;
    if (theme) {
      root.dataset.theme = theme;
      localStorage.setItem(name, theme);
    } else {
      delete root.dataset.theme;
      localStorage.removeItem(name);
    }
  }, [status, theme]);
};
