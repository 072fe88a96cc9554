document.title = "Paceline";export {};
