/** The beginning: theme first, so that nothing flashes, then the page. */

import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/charts.css";
import "./styles/pages.css";
import { startTheme } from "./theme";

startTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <CSPProvider disableStyleElements>
        <Tooltip.Provider delay={250}>
          <App />
        </Tooltip.Provider>
      </CSPProvider>
    </StrictMode>,
  );
}
