<#
.SYNOPSIS
Builds, tests or packs the module, for people who have pwsh. It only calls dotnet and Pester.

.PARAMETER Task
Build assembles the module in artifacts/module/Cifar10Ps. Test runs the .NET tests and the Pester suite on it.
Pack puts it into artifacts/Cifar10Ps-<version>-<platform>.zip, ready to unpack into a folder of $env:PSModulePath.

.EXAMPLE
./build.ps1 Test
#>
#Requires -Version 7.6
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Pack')]
    [string] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Push-Location $PSScriptRoot
try {
    dotnet build src/Cifar10Ps --configuration $Configuration
    switch ($Task) {
        'Test' {
            dotnet test --configuration $Configuration
            Import-Module Pester -MinimumVersion 5.7
            $run = Invoke-Pester -Path tests/Pester -Output Detailed -PassThru
            if ($run.Result -ne 'Passed') { throw "$($run.FailedCount) Pester tests failed." }
        }
        'Pack' {
            $version = (Import-PowerShellDataFile module/Cifar10Ps.psd1).ModuleVersion
            $platform = [System.Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier
            $zip = Join-Path $PSScriptRoot "artifacts/Cifar10Ps-$version-$platform.zip"
            if (Test-Path $zip) { Remove-Item $zip }
            [System.IO.Compression.ZipFile]::CreateFromDirectory("$PSScriptRoot/artifacts/module", $zip)
            Get-Item $zip
        }
    }
} finally {
    Pop-Location
}
