# Runs the Pester suite. The last line has the counts.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Pester
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$env:CIFAR10PS_MODULE = $Module
# The tests start pwsh by name: make that this one.
Set-Alias pwsh $PSHOME/pwsh.exe -Scope Global
Import-Module $Pester
$run = Invoke-Pester -Path $PSScriptRoot/../Pester -Output Normal -PassThru
"Pester: $($run.PassedCount) passed, $($run.FailedCount) failed, $($run.SkippedCount) skipped"
exit [int] ($run.Result -ne 'Passed')
