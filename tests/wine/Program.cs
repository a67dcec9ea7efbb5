// What pwsh.exe does.
return Microsoft.PowerShell.ConsoleShell.Start("", "", args);
